"""The forms that an answer takes."""

import re
from dataclasses import dataclass

from engines.checks.answers.numbers import Number

_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|lt|gt|in|equiv)(?![a-zA-Z])")


@dataclass(frozen=True)
class Words:
    """An answer in words: compared as text, without regard to case, articles and marks."""

    text: str


@dataclass(frozen=True)
class Choice:
    """One of lettered options, and the answer after the letter."""

    letter: str
    answer: "Form | None" = None


@dataclass(frozen=True)
class Based:
    """A number in another base than ten: its digits and its base."""

    digits: str
    base: int


@dataclass(frozen=True)
class Time:
    """A time of day. ``half`` is "a" (am) or "p" (pm), or "" if it is not given."""

    hour: int
    minute: int
    half: str = ""


@dataclass(frozen=True)
class Ratio:
    """``3:4``, ``3 to 4``, ``1:2:3``."""

    parts: tuple[Number, ...]


@dataclass(frozen=True)
class Named:
    """An equation with a name on its left: ``x = 5``, ``f(x) = x^2``, ``a + b = 7``."""

    name: str
    value: "Form"
    latex: str


@dataclass(frozen=True)
class Several:
    """Several answers. ``kind``: "," in the order given, "{" in any order, "()", "[)" and so on for
    points and intervals."""

    kind: str
    parts: tuple["Form", ...]
    latex: str


@dataclass(frozen=True)
class Formula:
    """A formula as LaTeX, and its unit."""

    latex: str
    unit: str = ""


Form = Number | Words | Choice | Based | Time | Ratio | Named | Several | Formula


def is_relation(latex: str) -> bool:
    """Whether a formula is an equation or an inequality, not a value."""
    return bool(_RELATION.search(latex))


def is_answer(form: Form) -> bool:
    """Whether a form is an answer by itself, and not words that may contain one."""
    if isinstance(form, Several):
        return all(map(is_answer, form.parts))
    return is_answer(form.value) if isinstance(form, Named) else not isinstance(form, Words)
