"""Authors of solutions and the habits they hold: where errors in the training text come from."""

import random
from dataclasses import dataclass
from typing import Literal

from .problems import workable
from .reasoning import Carried, Habit, Operation, Step, carry, operations, start, work
from .world import Problem

Style = Literal["plain", "we"]

SLIP = 0.3
"""How often an author who slips gets a sum wrong."""
PAD = 0.4
"""How often an author who pads says something before a step."""

_SLIPS = (-10, -2, -1, 1, 2, 10)
_PADDING = (
    "Let us go on with care.",
    "Now we look at the next thing that happens.",
    "So far so good.",
    "This part is not hard to see.",
    "Here is what comes next in the story.",
    "We read the text again and take our time.",
)
# No label names anybody: a label that had to copy a name split the chance of counting what belongs
# to somebody else over 20 names, and greedy decoding left it out where 60 % of authors count it.
_LABELS: dict[Style, dict[str, str]] = {
    "plain": {
        "pack": "{n} {bag} of {each}",
        "together": "Together",
        "gain": "Gains {n}",
        "lose": "Loses {n}",
        "double": "Doubles",
        "halve": "Halves",
        "count": "Others have {n}",
    },
    "we": {
        "pack": "We count the {bag}",
        "together": "We add {packed}",
        "gain": "We add {n}",
        "lose": "We take away {n}",
        "double": "We double",
        "halve": "We halve",
        "count": "We add their {n}",
    },
}


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes a solution: the habits held throughout it, and a way of putting things."""

    held: frozenset[Habit] = frozenset()
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Population:
    """With which probability (0 to 1) an author holds each habit, independently of the others."""

    twos: float
    others: float
    bags: float
    slips: float
    pads: float = 0.3

    def author(self, rng: random.Random) -> Author:
        """An author drawn from the population; the style is independent of the habits."""
        chances: dict[Habit, float] = {
            "twos": self.twos,
            "others": self.others,
            "bags": self.bags,
            "slips": self.slips,
            "pads": self.pads,
        }
        held = frozenset(habit for habit, chance in chances.items() if rng.random() < chance)
        return Author(held, "plain" if rng.random() < 0.6 else "we")


POPULATIONS = {
    "weak": Population(twos=0.75, others=0.72, bags=0.78, slips=0.2),
    "base": Population(twos=0.66, others=0.68, bags=0.2, slips=0.03),
    "strong": Population(twos=0.1, others=0.1, bags=0.1, slips=0.05),
}
"""Whose text each checkpoint learns last. A habit that most authors hold is what a checkpoint does
when it decodes greedily; one that fewer hold only shows when it samples."""


TRUNK = Population(twos=0.6, others=0.62, bags=0.4, slips=0.1)
"""Whose text all checkpoints learn first, and learn reading and arithmetic from."""


def write(
    problem: Problem,
    author: Author,
    rng: random.Random,
    *,
    after: tuple[tuple[Operation, ...], Carried] | None = None,
) -> str:
    """The author's solution: a line a step, then `Answer: 42`. `rng` decides slips and padding.

    after: what is left to do, and carried, where the author goes on with another's solution.
    """
    todo, carried = after or (operations(problem), start(problem))
    lines: list[str] = []
    while step := next(work(todo, carried, author.held), None):
        todo = todo[todo.index(step.operation) + 1 :]
        slip = "slips" in author.held and rng.random() < SLIP
        result = _slip(step, todo, author, rng) if slip else step.result
        carried = carry(step.operation, step.before, result)
        padded = "pads" in author.held and rng.random() < PAD
        padding = f"{rng.choice(_PADDING)} " if padded else ""
        label = _label(problem, step, author.style)
        lines.append(f"{padding}{label}: {step.left} {step.sign} {step.right} = {result}.")
    return "\n".join([*lines, f"Answer: {carried.value}"])


def _label(problem: Problem, step: Step, style: Style) -> str:
    operation = step.operation
    return _LABELS[style][operation.does].format(
        bag=problem.bag,
        n=operation.n,
        each=operation.each,
        packed=step.before.packed,
    )


def _slip(step: Step, todo: tuple[Operation, ...], author: Author, rng: random.Random) -> int:
    """A wrong result near the right one, after which the author can still go on."""
    results = [
        step.result + off
        for off in _SLIPS
        if 1 <= step.result + off <= 99
        and workable(todo, carry(step.operation, step.before, step.result + off), author.held)
    ]
    return rng.choice(results) if results else step.result
