"""What a trial asks of models, row by row, so that the cost of a run can be estimated.

Costs are noted by stage and role. `engines.operators.run_rows` says which row a coroutine works on,
and `engines.runtime.session` notes its answers.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from schemas import Cost, Price


class Place(NamedTuple):
    """Where costs arise: a stage and a role, at a price. ``probes``: not rows of the stage, but
    tests of an annotator, whose number is limited."""

    stage: str
    role: str
    price: Price | None
    probes: bool


@dataclass
class Spent:
    """The costs of one row: all of them, and those of answers that the journal had before the
    trial."""

    all: Cost = field(default_factory=Cost)
    journaled: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Ledger:
    """The costs of a trial.

    A question that is repeated in a run is paid for once, so a key counts once.

    Attributes:
        spent: the costs, by place and row.
        rows: the number of rows that began, by stage.
    """

    spent: dict[Place, dict[str, Spent]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    probes: bool = False
    _keys: set[bytes] = field(default_factory=set)

    def apart(self) -> Self:
        """The same ledger, for a stage whose questions count although other stages asked them: it
        asks a model that the trial has in place of one that the run trains, whose answers differ.
        """
        return replace(self, _keys=set())

    def of_probes(self) -> Self:
        """The same ledger, for tests of an annotator."""
        return replace(self, probes=True)

    def begin(self, stage: str, row: str) -> None:
        """Note what the current coroutine asks as costs of a row of a stage."""
        if not self.probes:
            self.rows[stage] = self.rows.get(stage, 0) + 1
        CURRENT.set(Row(self, stage, row))

    def note(
        self,
        row: "Row",
        role: str,
        price: Price | None,
        costs: Iterable[tuple[bytes, Cost]],
        *,
        journaled: bool,
    ) -> None:
        """Note the costs of answers, by their journal keys."""
        rows = self.spent.setdefault(Place(row.stage, role, price, self.probes), {})
        spent = rows.setdefault(row.name, Spent())
        for key, cost in costs:
            if key not in self._keys:
                self._keys.add(key)
                spent.all += cost
                if journaled:
                    spent.journaled += cost


class Row(NamedTuple):
    """The row that a coroutine works on."""

    ledger: Ledger
    stage: str
    name: str

    def note(
        self,
        role: str,
        price: Price | None,
        costs: Iterable[tuple[bytes, Cost]],
        *,
        journaled: bool,
    ) -> None:
        """Note the costs of answers, by their journal keys."""
        self.ledger.note(self, role, price, costs, journaled=journaled)


CURRENT: ContextVar[Row | None] = ContextVar("row", default=None)
"""The row of the current coroutine; None outside of a trial."""
