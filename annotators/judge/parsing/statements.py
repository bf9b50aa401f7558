"""Statements of a judge: the text after a label, and whether the judge itself states it."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass


class UnparseableVerdict(ValueError):
    """A vote without one clear verdict. The message says why."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The text after a label: the rest of its line or, if that is empty, the next line.

    ``quoted``: it is in another person's words. ``supposed``: it is denied or hypothetical.
    """

    label: re.Match[str]
    text: str
    quoted: bool
    supposed: bool


CLAUSE = r"(?:\A|(?<=[\n.!?;|,:({\[\"'“]))[ \t]*(?:[-•][ \t]+|\d{1,2}[.)][ \t]+)?"
"""Where a clause may begin, for patterns of labels."""

SEPARATOR = (
    r"[\"'”]?[ \t]*(?:(?:is|was|would[ ]be|goes[ ]to)\b[ \t]*(?:that\b|now\b)?[ \t]*[:=]?"
    r"|[:=|]+|->|→|[-–—](?=[ \t])|(?=\n))"
)
"""What separates a label from its value."""

SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n")

_DENIED = re.compile(
    r"\b(?:not|never|no|cannot|nor|hardly|instead|at (?:least|most)|up to|short of|close to|nearly"
    r"|almost|barely|about|around|consider(?:ed|ing)?|tempted"
    r"|(?:more|less|higher|lower|better|worse|other|rather) than)\b|n['’]t\b",
    re.I,
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless|whether|had|unclear|unsure"
    r"|to (?:get|earn|reach|deserve|receive|merit))\b",
    re.I,
)
_ATTRIBUTED = re.compile(
    r"^(?!.*\b[Ii]\b).*\b(?:says?|said|claim(?:s|ed)?|wrote|writes|asks?|asked|states?|stated)\b"
)
"""Another person's words follow."""
_FARTHEST = 500
"""How many characters after a label belong to its statement."""
_QUOTE = re.compile(
    r"\"[^\"\n]*\"|“[^“”\n]*”|«[^«»\n]*»|(?<!\w)'[^\s'](?:[^'\n]|(?<=\w)'(?=\w))*'(?!\w)"
)
_BELOW = re.compile(r"(?:[ \t|]{0,99}\n){1,9}[ \t|]{0,99}([^\n]{1,500})")


def shortened(text: str, longest: int = 80) -> str:
    """A text as messages quote it."""
    short = " ".join(text.split())
    return repr(short if len(short) <= longest else short[:longest] + "…")


def lines(text: str) -> list[str]:
    """The lines of ``text`` that contain words."""
    return [line.strip() for line in text.splitlines() if line.strip(" \t|-")]


def rest_of_line(text: str, at: int) -> str:
    """The text after ``at`` in its line, up to the length that a verdict may have."""
    return text[at : at + _FARTHEST].partition("\n")[0]


def supposed(text: str, at: int) -> bool:
    """Whether the sentence before ``at`` denies or only supposes what follows."""
    sentence = _before(text, at)
    clause = re.split("[,:]", sentence.rstrip(" :"))[-1]
    return _SUPPOSED.search(sentence) is not None or _DENIED.search(clause) is not None


def _before(text: str, at: int) -> str:
    """The part of the sentence before ``at``."""
    return SENTENCE_END.split(text[max(0, at - 200) : at])[-1]


def statements(text: str, label: re.Pattern[str]) -> Iterator[Statement]:
    """The text after each match of ``label``, a pattern that ends where the statement begins."""
    quotes = [match.span() for match in _QUOTE.finditer(text)]
    starts = [start for start, _ in quotes]
    for match in label.finditer(text):
        statement = rest_of_line(text, match.end()).strip(" \t|")
        if not statement:
            below = _BELOW.match(text, match.end())
            if below is None:
                continue
            statement = below[1].strip(" \t|")
        within = bisect_right(starts, match.start()) - 1
        in_quotes = within >= 0 and quotes[within][1] > match.end()
        if in_quotes:
            statement = text[match.end() : quotes[within][1] - 1].strip()
        others = _ATTRIBUTED.search(_before(text, match.end())) is not None
        yield Statement(match, statement, in_quotes or others, supposed(text, match.end()))
