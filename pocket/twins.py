"""Twins: two problems that differ in one event, and in their answer."""

import random
from collections.abc import Iterator
from dataclasses import replace

from .problems import Split, problem, sound, split_of
from .reasoning import answer
from .wording import FORMS, render
from .world import Event, Kind, Problem

_TURNED: dict[Kind, Kind] = {
    "gains": "loses",
    "loses": "gains",
    "doubles": "halves",
    "halves": "doubles",
}
_OFF = (-3, -2, -1, 1, 2, 3)
_TRIES = 1000


def twins(
    seed: int, index: int, *, split: Split = "train", operations: tuple[int, int] = (2, 5)
) -> tuple[Problem, Problem]:
    """The `index`-th twins of a seed's endless sequence, both of the split."""
    for attempt in range(_TRIES):
        first = problem(seed, index * _TRIES + attempt, split=split, operations=operations)
        for other in _near(first, random.Random(f"twin {seed} {index} {attempt}")):
            differs = answer(other) != answer(first)
            if sound(other) and differs and split_of(render(other)) == split:
                return first, other
    raise ValueError(f"no twins among {_TRIES} problems of {operations} operations")


def _near(problem: Problem, rng: random.Random) -> Iterator[Problem]:
    """The problems that differ from one in a single event, in any order."""
    changed = [
        (place, event) for place, one in enumerate(problem.events) for event in _changed(one)
    ]
    rng.shuffle(changed)
    for place, event in changed:
        events = (*problem.events[:place], event, *problem.events[place + 1 :])
        yield replace(problem, events=events)


def _changed(event: Event) -> Iterator[Event]:
    """An event turned into its contrary, or with a number a little off. What is another's counts
    for nothing, so it stays."""
    if event.kind == "other":
        return
    if event.kind in _TURNED:
        turned = _TURNED[event.kind]
        yield replace(event, kind=turned, form=event.form % len(FORMS[turned]))
    if event.n:
        yield from (replace(event, n=event.n + off) for off in _OFF if event.n + off > 1)
