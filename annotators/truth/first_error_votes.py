"""Reads and counts the votes of judges on the first wrong step of a solution."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from annotators.judge.parsing.markup import plain
from annotators.judge.parsing.statements import (
    CLAUSE,
    SEPARATOR,
    UnparseableVerdict,
    lines,
    shortened,
    statements,
)
from annotators.judge.parsing.verdicts import joined

NONE = -1
"""The index for "no step"."""

_LABEL = re.compile(
    rf"{CLAUSE}(?:(?:so|thus|therefore|hence|the)[ ,]+){{0,4}}"
    rf"first[ ](?:wrong|incorrect|erroneous)[ ]step(?:{SEPARATOR}|[ ]+(?=\d+\W*$))",
    re.I | re.X | re.M,
)
_STEP = re.compile(
    r"[(\"'“]*(?:step[ ]*)?(?:number[ ]*|no\.[ ]*|\#[ ]*)?(?P<step>\d{1,9}|none)\b[)\"'”]*"
    r"(?P<rest>\W*\Z|[.,;:!(].*|[ ]+[-–—(].*|[ ]+(?:because|since|as|where|of)\b.*)",
    re.I | re.X | re.S,
)
_ANOTHER = re.compile(
    r"\W*(?:(?:or|and|to|then)\W+)?(?:step\s*)?(?:\d+|none)\b(?=\W*\Z)|\s*[-–—,/&]\s*(?:step\s*)?\d"
    r"|.*\b(?:or|maybe|perhaps|possibly)\b.*(?:\d|none)",
    re.I | re.S,
)
"""Text after a step that makes it unclear: another step follows, or it is a guess."""


def read_vote(text: str, steps: int) -> int:
    """The index (from 0) of the step that ``text`` names (from 1); `NONE` for "none".

    The step follows "First wrong step:", or is the whole text.

    Raises:
        UnparseableVerdict: there is no step, or there are different ones, or the number is
            above ``steps``.
    """
    words = plain(text)
    judged = [one for one in statements(words, _LABEL) if not one.supposed]
    answers = [one.text for one in judged]
    if not judged and len(lines(words)) == 1:
        answers = [words]
    steps_named = {_step(one) for one in answers}
    if not steps_named or None in steps_named or (judged and all(one.quoted for one in judged)):
        raise UnparseableVerdict(f"no step in {shortened(text)}")
    if len(steps_named) > 1:
        raise UnparseableVerdict(f"different steps in {shortened(text)}")
    (name,) = steps_named
    if name == "none":
        return NONE
    if not 1 <= int(name or 0) <= steps:
        raise UnparseableVerdict(f"there is no step {name} of {steps}")
    return int(name or 0) - 1


def _step(words: str) -> str | None:
    """The step at the beginning of ``words``, if it is clear."""
    match = _STEP.match(words)
    if match is None or _ANOTHER.match(match["rest"]):
        return None
    return match["step"].lower()


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes. ``firsts``: the indices that could be read. ``error``: why none could be read."""

    firsts: tuple[int, ...]
    texts: tuple[str, ...]
    error: str | None

    @classmethod
    def of(
        cls, texts: Sequence[str], read: Callable[[str], int], *, refused: Sequence[str | None] = ()
    ) -> "Votes":
        """The votes ``texts``.

        Args:
            texts: the votes.
            read: reads one vote, or raises `UnparseableVerdict`.
            refused: for each vote why it is not read, or None.
        """
        firsts: list[int] = []
        errors: list[str] = []
        for text, refusal in zip_longest(texts, refused):
            try:
                if refusal is not None:
                    raise UnparseableVerdict(refusal)
                firsts.append(read(text))
            except UnparseableVerdict as error:
                errors.append(str(error))
        return cls(tuple(firsts), tuple(texts), None if firsts else errors[0])

    @property
    def raw(self) -> str | None:
        """The judge's text; a JSON list if there are several votes."""
        return joined(self.texts)

    @property
    def first_error(self) -> float | None:
        """The index with the most votes; of equals the earliest, and `NONE` last."""
        if not self.firsts:
            return None
        counts = Counter(self.firsts)
        most = max(counts.values())
        tied = [first for first, votes in counts.items() if votes == most]
        return float(min(tied, key=lambda first: (first == NONE, first)))

    def unerring(self, steps: int) -> list[float]:
        """For each step the share of votes that see no error up to it. Empty if no vote could be
        read."""
        return [
            sum(first == NONE or first > step for first in self.firsts) / len(self.firsts)
            for step in range(steps if self.firsts else 0)
        ]
