"""Solutions as numbered statements, of which the later ones cite those that they follow from:
Natural Program (Ling et al. 2023, arXiv:2306.03872)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

BEGINS = r"(?i)^[ \t]*(?:#?\d{1,3}[.):]\s|(?:the )?(?:final )?answer\b)"
"""The beginning of a statement or of the line with the answer (^ matches at that of a line)."""

_NUMBERED = re.compile(r"\s*\#?(?P<number>\d{1,3})[.):]\s+(?P<text>.*\S)\s*", re.S)
_CITING = re.compile(
    r"\(\s*(?:by|from)\b"
    r"|(?:by|from)\s+(?:\#\d|(?:steps?|statements?)\s+\d|\d{1,3}\s*(?:[:,]|and\s+\#?\d|\s\#?\d))",
    re.I,
)
"""The beginning of a statement that is meant to cite others."""
_ONE = r"(?:(?:steps?|statements?)\s+)?\#?\d{1,3}"
_CITED = re.compile(
    rf"(?P<open>\()?\s*(?:by|from)\s+(?P<cites>{_ONE}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+){_ONE})*)"
    r"\s*(?(open)\)[:,]?|[:,])\s*(?P<text>.*\S)",
    re.I | re.S,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One step of a solution.

    Attributes:
        text: what it says, without its number and citation.
        premises: the texts of the statements that it cites, in the order of the solution; None if
            it is not meant to follow from others.
        fault: why its citation cannot be followed; None if it can.
    """

    text: str
    premises: tuple[str, ...] | None = None
    fault: str | None = None


def read_statements(steps: Sequence[str]) -> list[Statement]:
    """The steps of a solution as statements.

    Statements before the first one that cites are those of the problem. After it, a numbered
    statement that cites none has a fault, as has one that cites itself or one that comes later or
    is not there, or whose number is taken. A step without a number, such as the answer, is no
    statement: it has neither premises nor a fault.
    """
    statements: list[Statement] = []
    text_by_number: dict[int, str] = {}
    citing = False
    for step in steps:
        numbered = _NUMBERED.fullmatch(step)
        if numbered is None:
            statements.append(Statement(step.strip()))
            continue
        number, text = int(numbered["number"]), numbered["text"]
        cited = _CITED.fullmatch(text)
        citing = citing or cited is not None or _CITING.match(text) is not None
        if cited is not None:
            text = cited["text"]
        if citing:
            statements.append(_followed(number, text, cited and cited["cites"], text_by_number))
        else:
            fault = f"there is another statement {number}" if number in text_by_number else None
            statements.append(Statement(text, fault=fault))
        text_by_number.setdefault(number, text)
    return statements


def _followed(
    number: int, text: str, cites: str | None, text_by_number: dict[int, str]
) -> Statement:
    if number in text_by_number:
        return Statement(text, (), f"there is another statement {number}")
    if cites is None:
        return Statement(text, (), "it cites no statement that can be read")
    cited = sorted({int(each) for each in re.findall(r"\d+", cites)})
    missing = [each for each in cited if each not in text_by_number]
    if missing:
        return Statement(text, (), f"it cites {missing[0]}, which does not come before it")
    return Statement(text, tuple(text_by_number[each] for each in cited))
