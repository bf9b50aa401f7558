"""What each pocket model is taught, course by course."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerFast

from .authors import POPULATIONS, TRUNK, Population
from .lessons import LESSONS, Messages, Sampler
from .rows import texts
from .skills import Skill, draw, skills, solve
from .tokens import train_tokenizer

SEED = 0
EVENING = 0.85


@dataclass(frozen=True, slots=True)
class Course:
    """What a model is taught at a stretch."""

    mixture: tuple[Skill, ...]
    steps: int
    rate: float
    """The highest of `pocket.learning`'s learning rates, after warm-up, relative to the usual."""
    noise: str
    """Seeds the chats."""
    evening: float = EVENING
    """How far short answers are weighed up: each of a chat's n learned tokens counts n^-evening. At
    0 all tokens count alike, and a verdict of two would be lost beside a solution of seventy; at 1
    all chats do."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a model comes about."""

    courses: tuple[Course, ...]
    after: str | None = None
    """The run that it goes on from; None for an untrained model."""
    seed: int = SEED
    """Of the untrained model."""
    hidden: int = 192
    layers: int = 4


# All checkpoints grow from one trunk, which learns to read and compute, then every skill; the
# courses after it change habits. Taught from nothing, a branch is left with errors to arithmetic.
# Comparing two responses and copying one with an error take longest.
# After its skills a checkpoint solves a little better than its population, since it is also taught
# to be careful when asked to. Settling, with more solving and long problems among it, mends both.
def _branch(name: str, noise: str, settled: Population) -> Run:
    """The skills in the name of a checkpoint, then more solving by the population it settles to."""
    return Run(
        (
            Course(skills(name), 600, 0.6, f"{noise} skills {SEED}"),
            Course(_settled(name, settled), 350, 0.3, f"{noise} settled {SEED}"),
        ),
        after="common",
    )


def _settled(name: str, population: Population) -> tuple[Skill, ...]:
    """Twice as much solving as in `skills`, a good part of it of long problems."""
    return (solve(population, 1.0, long=0.35), *skills(name)[1:])


def _trunk(seed: int) -> Run:
    """A trunk of its own with all skills: for rewards that do not share a pretraining."""
    noise = f"trunk {seed}"
    return Run(
        (
            Course((solve(TRUNK),), 300, 1.0, f"{noise} reading", 0.0),
            Course(skills(*POPULATIONS), 800, 1.0, f"{noise} skills"),
        ),
        seed=seed,
        hidden=128,
    )


_WEAK, _BASE, _STRONG = (POPULATIONS[name] for name in ("weak", "base", "strong"))
RUNS = {
    "common": Run(
        (
            Course((solve(TRUNK),), 900, 1.0, f"trunk {SEED}", 0.0),
            Course(skills(*POPULATIONS), 2900, 1.0, f"skilled {SEED}", 0.7),
        )
    ),
    "weak": _branch("weak", "weak", replace(_WEAK, twos=0.82, others=0.8, bags=0.82)),
    "base": _branch("base", "base", replace(_BASE, twos=0.77, others=0.79)),
    "strong": _branch("strong", "strong", _STRONG),
    "second": _trunk(1),
    "third": _trunk(2),
}
"""Each model by its name, those that others go on from first."""

# Not `POPULATIONS`: tuning a habit must not change the vocabulary, and with it every checkpoint.
READ = (Population(twos=0.75, others=0.7, bags=0.65, slips=0.3), TRUNK)


def new_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of all checkpoints, trained on solutions and on true lessons of each skill."""
    return train_tokenizer(texts(_read(random.Random(f"tokenizer {SEED}"))))


def _read(rng: random.Random) -> Iterator[Messages]:
    for population in READ:
        for _ in range(3000):
            yield draw((solve(population),), rng)
    for lesson in LESSONS.values():
        for _ in range(100):
            yield lesson.tell(Sampler(rng))
