"""How much of its probability a model puts on the options that it chooses among."""

import heapq
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from engines.protocol import Choice
from schemas import Message

_KEPT = 3
"""The number of questions that are kept: those with the lowest mass."""


@dataclass(frozen=True, slots=True)
class AskedChoice:
    """A question to the model of ``role``, its options, and the probability of all of them."""

    role: str
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    mass: float


@dataclass(slots=True)
class Masses:
    """The mass of each choice of a stage.

    Attributes:
        values: Float64[choices], in [0, 1]. Choices of unknown mass are left out.
    """

    values: "array[float]" = field(default_factory=lambda: array("d"))
    _lowest: list[tuple[float, int, AskedChoice]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def add(
        self, role: str, messages: Sequence[Message], options: Sequence[str], choice: Choice
    ) -> None:
        """Note a choice, if its mass is known."""
        mass = choice.mass
        if mass is None:
            return
        self.values.append(mass)
        if len(self._lowest) == _KEPT and -self._lowest[0][0] <= mass:
            return
        asked = AskedChoice(role, tuple(messages), tuple(options), mass)
        if all(asked != known for _, _, known in self._lowest):
            # A heap whose first entry has the highest of the kept masses.
            heapq.heappush(self._lowest, (-mass, next(self._numbers), asked))
            if len(self._lowest) > _KEPT:
                heapq.heappop(self._lowest)

    @property
    def lowest(self) -> list[AskedChoice]:
        """The questions with the lowest mass, the lowest first."""
        return [asked for _, _, asked in sorted(self._lowest, reverse=True)]
