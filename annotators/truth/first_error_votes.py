"""What judges said of the first wrong step of a solution, read and counted."""

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
"""The index that stands for no step."""

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
"""What says after a step that it is not the one, or not the only one."""


def read_vote(text: str, steps: int) -> int:
    """The index (from 0) of the step that ``text`` names (from 1), `NONE` for "none".

    It stands after "First wrong step:" or is all there is. Raises `UnparseableVerdict` where there
    is none, or different ones, or the solution, which has ``steps``, has no such step.
    """
    words = plain(text)
    judged = [one for one in statements(words, _LABEL) if not one.supposed]
    said = [one.said for one in judged]
    if not judged and len(lines(words)) == 1:
        said = [words]
    named = {_step(one) for one in said}
    if not named or None in named or (judged and all(one.quoted for one in judged)):
        raise UnparseableVerdict(f"no step in {shortened(text)}")
    if len(named) > 1:
        raise UnparseableVerdict(f"different steps in {shortened(text)}")
    (name,) = named
    if name == "none":
        return NONE
    if not 1 <= int(name or 0) <= steps:
        raise UnparseableVerdict(f"there is no step {name} of {steps}")
    return int(name or 0) - 1


def _step(said: str) -> str | None:
    """The step with which ``said`` begins, if it is clear."""
    found = _STEP.match(said)
    if found is None or _ANOTHER.match(found["rest"]):
        return None
    return found["step"].lower()


@dataclass(frozen=True, slots=True)
class Votes:
    """``firsts``: the indices that could be read. ``error``: why none could, if none could."""

    firsts: tuple[int, ...]
    texts: tuple[str, ...]
    error: str | None

    @classmethod
    def of(
        cls, texts: Sequence[str], read: Callable[[str], int], *, refused: Sequence[str | None] = ()
    ) -> "Votes":
        """``texts``, each read by ``read``, which raises `Unread`. ``refused``: why a vote is not
        read, None where it is."""
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
        """The judge's words: of several votes a JSON list."""
        return joined(self.texts)

    @property
    def first_error(self) -> float | None:
        """The index most named; of those named as often the earliest, and `NONE` after all."""
        if not self.firsts:
            return None
        counts = Counter(self.firsts)
        most = max(counts.values())
        tied = [first for first, votes in counts.items() if votes == most]
        return float(min(tied, key=lambda first: (first == NONE, first)))

    def unerring(self, steps: int) -> list[float]:
        """For each of ``steps`` the share of votes that see no error up to it. Empty if none could
        be read."""
        return [
            sum(first == NONE or first > step for first in self.firsts) / len(self.firsts)
            for step in range(steps if self.firsts else 0)
        ]
