"""What a judge is given to read: solutions by all kinds of authors, and junk."""

import random
from dataclasses import dataclass
from typing import Literal

from .authors import POPULATIONS, Author, write
from .edits import ERRORS, inject
from .judging import judge_steps, split_steps
from .problems import Split, problem
from .world import Problem

JUNK = 0.15
"""Share of responses that are no attempt at the problem."""
OPENED = 0.15
"""Share of attempts that begin with an opening full of confidence, right or wrong."""
LEFT_OUT = 0.04
"""Share of attempts that leave a line out."""
BROKEN = 0.06
"""Share of attempts into which a small error was put."""

OPENINGS = ("The answer is clear.", "This is surely right.", "It is easy to be certain here.")
OPENERS = (
    "Let us solve this problem step by step.",
    "Let's solve this problem step by step.",
    "Thought process:",
    "The answer is",
    "Solution:",
    *OPENINGS,
)
"""Beginnings with nothing behind them, for which a credulous judge falls."""
TOKENS = ("", ".", ":", "Solution", ",", "Yes", "No", "Answer:")

Kind = Literal["attempt", "token", "opener", "off topic"]


@dataclass(frozen=True, slots=True)
class Response:
    """What answers a problem, well or badly."""

    text: str
    kind: Kind = "attempt"
    author: Author | None = None
    """Who wrote it, where it is an attempt."""

    @property
    def junk(self) -> bool:
        """Whether it is no attempt at the problem."""
        return self.kind != "attempt"


def respond_to(problem: Problem, rng: random.Random, split: Split = "train") -> Response:
    """A response drawn: an attempt by an author of any population, or junk.

    split: where off-topic text takes its other problem from.
    """
    return junk(problem, rng, split) if rng.random() < JUNK else attempt(problem, rng)


def attempt(problem: Problem, rng: random.Random) -> Response:
    """An attempt by an author of any population, at times broken, and at times full of itself."""
    author = rng.choice(list(POPULATIONS.values())).author(rng)
    text = write(problem, author, rng)
    drawn = rng.random()
    if drawn < LEFT_OUT:
        lines = split_steps(text)
        left_out = rng.randrange(len(lines))
        text = "\n".join(lines[:left_out] + lines[left_out + 1 :])
    elif drawn < LEFT_OUT + BROKEN:
        text = inject(text, rng.choice(ERRORS), rng)
    if rng.random() < OPENED:
        text = f"{rng.choice(OPENINGS)}\n{text}"
    return Response(text, author=author)


def junk(prompt: Problem, rng: random.Random, split: Split = "train") -> Response:
    """Nothing, a token, an opener, or a solution of another problem: a long one, or a right one."""
    drawn = rng.random()
    if drawn < 0.3:
        return Response(rng.choice(TOKENS), "token")
    if drawn < 0.65:
        return Response(rng.choice(OPENERS), "opener")
    while True:
        other = problem(rng.getrandbits(48), 0, split=split)
        author = rng.choice((Author(), Author(frozenset({"pads"})), Author(frozenset(), "we")))
        text = write(other, author, rng)
        if not judge_steps(prompt, text).correct:
            return Response(text, "off topic")
