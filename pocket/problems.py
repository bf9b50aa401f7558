"""Problems without end from a seed, in two splits that never share a text."""

import random
from hashlib import sha256
from itertools import combinations
from typing import Literal

from .reasoning import Carried, Habit, Operation, answer, brought_out, operations, start, work
from .wording import FORMS, QUESTIONS, render
from .world import BAGS, NAMES, THINGS, VERSION, Event, Kind, Problem

Split = Literal["train", "held_out"]

HIGHEST = 99
"""No number of a solution passes this, whatever misconceptions its author holds: two digits at
most, so that a model of a million parameters learns the arithmetic and only habits are left."""

# Shares of what an operation does. With these and the share of problems with another's things,
# 35 % of problems of 2 to 5 operations bring out neither `twos` nor `others`, the habits that most
# authors of `base` hold: that is the greedy accuracy to expect of it.
_SHARES: dict[Kind, float] = {"gains": 3, "loses": 3, "doubles": 0.9, "halves": 0.5, "bags": 1.2}
_PACKED_FIRST = 0.2
_OTHERS = 0.5
_LARGEST_START = 30
_LARGEST_CHANGE = 15
_MOST_BAGS = 6
_MOST_IN_EACH = 9


def problem(
    seed: int,
    index: int,
    *,
    split: Split = "train",
    operations: tuple[int, int] = (2, 5),
) -> Problem:
    """The `index`-th problem (0, 1, …) of a seed's endless sequence; the same on every machine.

    operations: fewest and most operations of the careful solution, within 1 to 8; each number of
    operations is equally likely.
    Raises ValueError for a negative index, or a range of operations out of order or bounds.
    """
    fewest, most = operations
    if index < 0:
        raise ValueError(f"index must be 0 or more, not {index}")
    if not 1 <= fewest <= most <= 8:
        raise ValueError(f"operations must be (fewest, most) within 1 to 8, not {operations}")
    rng = random.Random(f"pocket {VERSION}, {split}, seed {seed}, index {index}")
    length = rng.randint(fewest, most)
    while True:
        drawn = _draw(rng, length)
        if sound(drawn) and split_of(render(drawn)) == split:
            return drawn


def split_of(text: str) -> Split:
    """The split that a problem's text belongs to, by its hash: one text in eight is held out."""
    return "held_out" if sha256(text.encode()).digest()[0] < 32 else "train"


def _draw(rng: random.Random, length: int) -> Problem:
    """A problem whose careful solution has `length` operations; its numbers may be unsound."""
    owner, *rest = rng.sample(NAMES, 3)
    events = [_event(rng, "packs" if rng.random() < _PACKED_FIRST else "has")]
    left = length - (events[0].kind == "packs")
    while left:
        kind = rng.choices(tuple(_SHARES), tuple(_SHARES.values()))[0]
        cost = 2 if kind == "bags" else 1
        if cost <= left:
            events.append(_event(rng, kind))
            left -= cost
    if rng.random() < _OTHERS:
        for who in rest[: rng.randint(1, 2)]:
            events.insert(rng.randint(1, len(events)), _event(rng, "other", who))
    packed = any(event.kind in ("packs", "bags") for event in events)
    bag = rng.choice(BAGS) if packed else ""
    return Problem(owner, rng.choice(THINGS), tuple(events), bag, rng.randrange(len(QUESTIONS)))


def _event(rng: random.Random, kind: Kind, who: str = "") -> Event:
    form = rng.randrange(len(FORMS[kind]))
    match kind:
        case "has":
            return Event(kind, rng.randint(2, _LARGEST_START), form=form)
        case "packs" | "bags":
            return Event(kind, rng.randint(2, _MOST_BAGS), rng.randint(3, _MOST_IN_EACH), form=form)
        case "doubles" | "halves":
            return Event(kind, form=form)
        case _:
            return Event(kind, rng.randint(2, _LARGEST_CHANGE), who=who, form=form)


def sound(problem: Problem) -> bool:
    """Whether every author gets whole numbers up to `HIGHEST`, and only the careful the truth.

    Without the second, two misconceptions could cancel out and a right answer hide wrong steps.
    """
    pitfalls = sorted(brought_out(problem))
    todo, carried = operations(problem), start(problem)
    truth = answer(problem)
    for size in range(len(pitfalls) + 1):
        for some in combinations(pitfalls, size):
            held = frozenset(some)
            if not workable(todo, carried, held):
                return False
            if held and answer(problem, held) == truth:
                return False
    return True


def workable(todo: tuple[Operation, ...], carried: Carried, held: frozenset[Habit]) -> bool:
    """Whether an author gets whole numbers from 1 to `HIGHEST` all the way."""
    return all(
        1 <= step.result <= HIGHEST and not (step.sign == "/" and step.left % 2)
        for step in work(todo, carried, held)
    )
