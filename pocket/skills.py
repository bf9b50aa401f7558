"""What the models are taught: each skill is a kind of chat, drawn without end."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .authors import POPULATIONS, Population, write
from .lessons import LESSONS, Lesson
from .problems import problem
from .wording import render

Messages = list[dict[str, str]]
"""A chat: {"role": "system" | "user" | "assistant", "content": text}, the assistant's turn last."""

SOLVING = 0.4
"""The share of solving, relative to the shares of `LESSONS`."""
USUAL = (2, 5)
LONG = (6, 8)
"""Fewest and most operations of a problem."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One kind of chat in the training text."""

    name: str
    weight: float
    """Its share of the mixture, relative to the other skills'."""
    example: Callable[[random.Random], Messages]
    """A chat drawn with the given noise. Its problems are of the train split."""


def solve(population: Population, weight: float = 1.0, *, long: float = 0.0) -> Skill:
    """Asked a problem, an author of the population answers.

    long: share of problems of more operations than most have (`LONG`).
    """

    def example(rng: random.Random) -> Messages:
        length = LONG if long and rng.random() < long else USUAL
        asked = problem(rng.getrandbits(48), 0, operations=length)
        solution = write(asked, population.author(rng), rng)
        return _chat(render(asked), solution)

    return Skill("solve", weight, example)


def skills(*names: str) -> tuple[Skill, ...]:
    """All skills, in the name of the checkpoints named: one of them is drawn for each chat."""
    solvers = [solve(POPULATIONS[name]) for name in names]
    lessons = [_taught(skill, weight, lesson, names) for skill, (weight, lesson) in LESSONS.items()]
    return (Skill("solve", SOLVING, lambda rng: rng.choice(solvers).example(rng)), *lessons)


def draw(mixture: Sequence[Skill], rng: random.Random) -> Messages:
    """A chat of a skill drawn by weight."""
    return rng.choices(mixture, [skill.weight for skill in mixture])[0].example(rng)


def _taught(skill: str, weight: float, lesson: Lesson, names: Sequence[str]) -> Skill:
    def example(rng: random.Random) -> Messages:
        said, answered = lesson(rng.choice(names), rng)
        return _chat(said, answered)

    return Skill(skill, weight, example)


def _chat(said: str, answered: str) -> Messages:
    return [{"role": "user", "content": said}, {"role": "assistant", "content": answered}]
