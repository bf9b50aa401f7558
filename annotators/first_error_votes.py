"""What judges said of the first wrong step of a solution, read and counted."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from annotators.verdicts import Unread, joined

NONE = -1
"""The index that stands for no step."""

_MARKS = "*_`[](){}\"' \t\n."
_STEP = r"(?:step\s*)?(?:number\s*)?(\d+|none)\b"
_BARE = re.compile(_STEP, re.I)
_LABELLED = re.compile(rf"first wrong step(?:\s+is)?[\s:={re.escape(_MARKS)}]*{_STEP}", re.I)


def read_vote(text: str, steps: int) -> int:
    """The index (from 0) of the step that ``text`` names (from 1), `NONE` for "none".

    It stands after "First wrong step:" or is all there is. Raises `Unread` where there is none, or
    different ones, or the solution, which has ``steps``, has no such step.
    """
    bare = _BARE.fullmatch(text.strip(_MARKS))
    found = {bare[1]} if bare else {match[1] for match in _LABELLED.finditer(text)}
    named = {one.lower() for one in found}
    quoted = repr(" ".join(text.split())[:80])
    if not named:
        raise Unread(f"no step in {quoted}")
    if len(named) > 1:
        raise Unread(f"different steps in {quoted}")
    (name,) = named
    if name == "none":
        return NONE
    if not 1 <= int(name) <= steps:
        raise Unread(f"there is no step {name} of {steps}")
    return int(name) - 1


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
                    raise Unread(refusal)
                firsts.append(read(text))
            except Unread as error:
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
