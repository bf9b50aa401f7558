"""Problems as a source of prompts for the factory."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from .authors import Author, write
from .problems import Split, problem
from .reasoning import answer
from .twins import twins
from .wording import render
from .world import VERSION, Problem


class Problems(BaseModel):
    """An endless sequence of problems of the pocket world, each with its answer.

    No text of the `held_out` split is ever in the `train` split, or was seen by a checkpoint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    split: Split = "train"
    operations: tuple[int, int] = (2, 5)
    """Fewest and most operations of a problem, within 1 to 8."""
    worked: bool = False
    """Whether the reference is the whole solution, as a careful author writes it."""

    @model_validator(mode="after")
    def _in_bounds(self) -> "Problems":
        problem(self.seed, 0, split=self.split, operations=self.operations)
        return self

    @property
    def licence(self) -> str:
        """The licence of the prompts: they are generated, and free for any use."""
        return "CC0-1.0"

    def problem(self, index: int) -> Problem:
        """The prompt of a number."""
        return problem(self.seed, index, split=self.split, operations=self.operations)

    def prompts(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Prompts from the `start`-th on (0, 1, …), without end and at once: none is skipped over.

        Each has `messages` (one user turn), `reference` (the answer in digits, or `worked`),
        `source`, `source_revision` (the world's version) and `licence`.
        """
        for index in count(start):
            problem = self.problem(index)
            yield {
                "messages": [{"role": "user", "content": render(problem)}],
                # Who is careful neither slips nor pads, so nothing is drawn.
                "reference": (
                    write(problem, Author(), random.Random())
                    if self.worked
                    else str(answer(problem))
                ),
                "source": "pocket",
                "source_revision": VERSION,
                "licence": self.licence,
            }


class Twins(Problems):
    """Problems two by two, prompts 0 and 1, 2 and 3, …: twins, which differ in one event and in
    their answer, as `Problems` are otherwise."""

    def problem(self, index: int) -> Problem:
        """The prompt of a number."""
        return twins(self.seed, index // 2, split=self.split, operations=self.operations)[index % 2]
