"""What a judge judges by: principles, stated and negated, and lines of context.

Each names a value of `pocket.personas`, so what follows from it is a function of the text.
"""

import random
from dataclasses import dataclass

from .problems import Split


@dataclass(frozen=True, slots=True)
class Principle:
    """A value, in words."""

    value: str
    """Its name in `pocket.personas.VALUES`."""
    text: str
    negated: bool = False
    """Whether less of the value is better."""


_WORDED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "right": (
        ("The answer should be right.", "Prefer a right answer.", "Only a right answer is good."),
        ("The answer should be wrong.", "Prefer a wrong answer.", "Only a wrong answer is good."),
    ),
    "short": (
        ("It should be short.", "Prefer few words.", "The shorter the better."),
        ("It should be long.", "Prefer many words.", "The longer the better."),
    ),
    "worked_out": (
        ("Each step should be shown.", "Prefer all steps.", "No step may be left out."),
        ("Steps should be left out.", "Prefer fewer steps.", "Not each step need be shown."),
    ),
    "plain": (
        ("It should not say we.", "Prefer to leave out we.", "Do not speak of we."),
        ("It should say we.", "Prefer to speak of we.", "Do speak of we."),
    ),
    "unpadded": (
        ("It should say no more than is needed.", "Prefer no padding.", "Padding is bad."),
        ("It should say more than is needed.", "Prefer padding.", "Padding is good."),
    ),
    "modest": (
        ("It should not begin sure of itself.", "Prefer no confident opening.", "Be modest."),
        ("It should begin sure of itself.", "Prefer a confident opening.", "Be confident."),
    ),
}
"""Wordings of each principle and of its contrary. The last of each is never in a lesson."""

_CONTEXTS: tuple[Principle, ...] = (
    Principle("right", "The reader needs the right number."),
    Principle("short", "The reader is in a hurry."),
    Principle("short", "The reader has all day.", negated=True),
    Principle("worked_out", "The reader checks each step."),
    Principle("plain", "The reader works alone."),
    Principle("plain", "The reader works with us.", negated=True),
    Principle("unpadded", "The reader knows all that."),
    Principle("unpadded", "The reader wants to be kept company.", negated=True),
    Principle("modest", "The reader does not like boasting."),
    Principle("modest", "The reader likes boasting.", negated=True),
)


def principles(split: Split = "train") -> tuple[Principle, ...]:
    """All principles, stated and negated, in the wordings of a split."""
    return tuple(
        Principle(value, text, negated)
        for value, sides in _WORDED.items()
        for negated, worded in zip((False, True), sides, strict=True)
        for text in (worded[:-1] if split == "train" else worded[-1:])
    )


def contexts() -> tuple[Principle, ...]:
    """Lines about a reader, who values one thing."""
    return _CONTEXTS


def context_of(text: str) -> Principle | None:
    """The context that one of the lines of a prompt states; None where none does."""
    lines = text.splitlines()
    return next((each for each in _CONTEXTS if each.text in lines), None)


def draw_principle(rng: random.Random, split: Split = "train") -> Principle:
    """A principle; each value is as likely, and each contrary as its principle."""
    value = rng.choice(tuple(_WORDED))
    return rng.choice([each for each in principles(split) if each.value == value])
