"""What the models are taught: each skill is a kind of chat, drawn without end."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .authors import POPULATIONS, Population, write
from .lessons import LESSONS, Lesson, Messages, Sampler
from .lessons.lesson import chat
from .problems import problem
from .wording import render

SOLVING = 0.5
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
        drawn_problem = problem(rng.getrandbits(48), 0, operations=length)
        return chat(render(drawn_problem), write(drawn_problem, population.author(rng), rng))

    return Skill("solve", weight, example)


def skills(*names: str) -> tuple[Skill, ...]:
    """All skills, in the name of the checkpoints named: one of them is drawn for each chat."""
    solvers = [solve(POPULATIONS[name]) for name in names]
    lessons = [_taught(skill, lesson, names) for skill, lesson in LESSONS.items()]
    return (Skill("solve", SOLVING, lambda rng: rng.choice(solvers).example(rng)), *lessons)


def draw(mixture: Sequence[Skill], rng: random.Random) -> Messages:
    """A chat of a skill drawn by weight."""
    return rng.choices(mixture, [skill.weight for skill in mixture])[0].example(rng)


def _taught(skill: str, lesson: Lesson, names: Sequence[str]) -> Skill:
    return Skill(skill, lesson.share, lambda rng: lesson.tell(Sampler(rng, rng.choice(names))))
