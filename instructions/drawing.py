"""Instructions without end from a seed, in two splits that share no topic and no wording."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from .constraints import (
    JSON,
    AtMost,
    Capitals,
    Constraint,
    Contains,
    Dashes,
    Ends,
    Language,
    LanguageName,
    Letters,
    Sentences,
    Starts,
    Without,
)
from .text import words
from .wording import CONSTRAINTS, REQUESTS, TOPICS, VERSION, Split

_WANTED = ("water", "people", "always", "small", "world", "never", "simple", "night", "together",
           "friend", "slowly", "beautiful", "history", "money", "happy", "green")  # fmt: skip
_UNWANTED = ("the", "and", "of", "is", "are", "to", "in", "they", "that", "with", "for", "can")
_STARTS = ("In short", "Today", "Most people", "Every day", "Long ago", "Here is", "I believe that",
           "Let us", "Without doubt", "Once upon a time")  # fmt: skip
_ENDS = ("in the end", "every day", "for everyone", "all over the world", "after all",
         "once again", "until tomorrow", "step by step")  # fmt: skip
_KEYS = ("title", "fact", "reason", "example", "summary", "place", "use", "danger")
_LETTERS = "bkvwyz"
_NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}

_DRAW: Mapping[str, Callable[[random.Random], Constraint]] = {
    "sentences": lambda rng: Sentences(count=rng.choice((1, 1, 2, 2, 3))),
    "at_most": lambda rng: AtMost(words=rng.choice((6, 8, 10, 12, 15, 20, 25, 30))),
    "contains": lambda rng: Contains(word=rng.choice(_WANTED)),
    "without": lambda rng: Without(word=rng.choice(_UNWANTED)),
    "starts": lambda rng: Starts(words=rng.choice(_STARTS)),
    "ends": lambda rng: Ends(words=rng.choice(_ENDS)),
    "capitals": lambda rng: Capitals(),
    "dashes": lambda rng: Dashes(lines=rng.choice((2, 3, 3, 4))),
    "json": lambda rng: JSON(keys=tuple(rng.sample(_KEYS, rng.choice((2, 2, 3))))),
    "language": lambda rng: Language(language=rng.choice(get_args(LanguageName))),
    "letters": lambda rng: Letters(letter=rng.choice(_LETTERS), least=rng.choice((2, 3, 4))),
}
_ALONE = ("json",)
_APART = (
    # One would nearly decide the other, or both could hardly hold.
    {"sentences", "dashes"},
    {"dashes", "starts"},
    {"at_most", "letters"},
    {"contains", "language"},
    {"without", "language"},
    {"starts", "language"},
    {"ends", "language"},
    {"without", "starts"},
    {"without", "ends"},
)
_WORDS_EACH = 5
_TWO = 0.25
_CONSTRAINT_FIRST = 0.25


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a user asks for, and the constraints that the answer must fulfil."""

    text: str
    topic: str
    constraints: tuple[Constraint, ...]


def instruction(seed: int, index: int, *, split: Split = "train") -> Instruction:
    """The ``index``-th instruction (0, 1, …) of a seed's endless sequence, the same everywhere.

    Raises:
        ValueError: ``index`` is negative.
    """
    if index < 0:
        raise ValueError(f"index must be 0 or more, not {index}")
    rng = random.Random(f"instructions {VERSION}, {split}, seed {seed}, index {index}")
    topic = rng.choice(TOPICS[split])
    kinds = _kinds(rng)
    constraints = [_DRAW[kind](rng) for kind in kinds]
    while not _sensible(constraints, topic):
        constraints = [_DRAW[kind](rng) for kind in kinds]
    demands = " ".join(_worded(each, rng, split) for each in constraints)
    request = rng.choice(REQUESTS[split]).format(topic=topic)
    parts = [request, demands]
    if rng.random() < _CONSTRAINT_FIRST:
        parts.reverse()
    return Instruction(" ".join(parts), topic, tuple(constraints))


def _kinds(rng: random.Random) -> list[str]:
    """One kind of constraint, or two that fit together."""
    known = list(_DRAW)
    while True:
        kinds = rng.sample(known, 2 if rng.random() < _TWO else 1)
        if len(kinds) == 1 or not (set(kinds) & set(_ALONE) or set(kinds) in _APART):
            return kinds


def _sensible(constraints: Sequence[Constraint], topic: str) -> bool:
    """Whether the topic decides none of the constraints, and every sentence or line may have some
    words."""
    parts = most = None
    for each in constraints:
        match each:
            case Contains(word=word) | Without(word=word) if word in words(topic):
                return False
            case Sentences(count=count):
                parts = count
            case Dashes(lines=lines):
                parts = lines
            case AtMost(words=limit):
                most = limit
    return parts is None or most is None or most >= _WORDS_EACH * parts


def _worded(constraint: Constraint, rng: random.Random, split: Split) -> str:
    slots: dict[str, Any] = constraint.model_dump()
    if isinstance(constraint, Sentences):
        plural = "sentence" if constraint.count == 1 else "sentences"
        slots["sentences"] = f"{_NUMBERS[constraint.count]} {plural}"
    if isinstance(constraint, Dashes):
        slots["lines"] = _NUMBERS[constraint.lines]
    if isinstance(constraint, JSON):
        *most, last = (f'"{key}"' for key in constraint.keys)
        slots["keys"] = f"{', '.join(most)} and {last}"
    return rng.choice(CONSTRAINTS[constraint.kind][split]).format(**slots)
