"""What the models are taught: each skill is a kind of chat, drawn without end."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .authors import Population, write
from .problems import problem
from .wording import render

Messages = list[dict[str, str]]
"""A chat: {"role": "system" | "user" | "assistant", "content": text}, the assistant's turn last."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One kind of chat in the training text."""

    name: str
    weight: float
    """Its share of the mixture, relative to the other skills'."""
    example: Callable[[random.Random], Messages]
    """A chat drawn with the given noise. Its problems are of the train split."""


def solve(population: Population, weight: float = 1.0) -> Skill:
    """Asked a problem, an author of the population answers."""

    def example(rng: random.Random) -> Messages:
        asked = problem(rng.getrandbits(48), 0)
        solution = write(asked, population.author(rng), rng)
        return [
            {"role": "user", "content": render(asked)},
            {"role": "assistant", "content": solution},
        ]

    return Skill("solve", weight, example)


def skills(population: Population) -> tuple[Skill, ...]:
    """All skills that a checkpoint of this population is taught."""
    return (solve(population),)


def draw(mixture: Sequence[Skill], rng: random.Random) -> Messages:
    """A chat of a skill drawn by weight."""
    return rng.choices(mixture, [skill.weight for skill in mixture])[0].example(rng)
