"""Collects rows that finish in any order into one frame in the order of the input.

Columns are built a few thousand rows at a time, nested columns too. So no Python objects of 800,000
rows stay in memory.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa

from engines.operators.run_rows import Failed, RowRun
from schemas import Dropped, Split, StageReport, Table, accept, canonical, columns

Item = TypeVar("Item")

_CHUNK = 8192
_NUMBER = "__number"


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A dropped row: its id, the reason, and the ``numbers`` (JSON values) behind the decision.

    It is not a failure, so it does not count towards the run's failure limit.
    """

    row_id: str
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


TableRow = tuple[Any, ...] | DroppedRow


class Rows:
    """Collects rows of ``table`` as tuples. The fields of ``origin`` are at the end of a tuple."""

    def __init__(self, table: type[Table]) -> None:
        self._table = columns(table)
        flat: dict[str, Any] = {_NUMBER: pl.UInt64}
        for name, dtype in self._table.items():
            if name != "origin":
                flat[name] = dtype
        origin = self._table.get("origin")
        self._origin: list[str] = []
        if isinstance(origin, pl.Struct):
            self._origin = [field.name for field in origin.fields]
            flat |= {f"origin.{field.name}": field.dtype for field in origin.fields}
        self._flat = flat
        self._rows: list[tuple[Any, ...]] = []
        self._chunks: list[pl.DataFrame] = []

    def add(self, row: tuple[Any, ...]) -> None:
        """Add a row: its number, then its columns in order. Rows of one number keep their order."""
        self._rows.append(row)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def frame(self) -> pl.DataFrame:
        """All rows, sorted by number, with the table's columns and types."""
        self._flush()
        flat = pl.concat([pl.DataFrame(schema=self._flat), *self._chunks])
        self._chunks = []
        if not flat[_NUMBER].is_sorted():
            flat = flat.sort(_NUMBER, maintain_order=True)
        origin = [pl.col(f"origin.{name}").alias(name) for name in self._origin]
        return flat.select(
            pl.struct(origin).alias("origin") if name == "origin" else pl.col(name)
            for name in self._table
        )

    def _flush(self) -> None:
        if self._rows:
            values = zip(*self._rows, strict=True)
            self._chunks.append(
                pl.DataFrame(
                    [
                        _series(name, column, dtype)
                        for (name, dtype), column in zip(self._flat.items(), values, strict=True)
                    ]
                )
            )
            self._rows = []


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == pl.List(pl.String):
        # Polars creates a Series for each row's list: 6 µs per row, Arrow takes 0.1 µs.
        return pl.Series(name, pa.array(values, pa.list_(pa.string()))).cast(dtype)
    return pl.Series(name, values, dtype=dtype)


class FailedRows:
    """Collects failed and dropped rows as `Dropped` rows."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._rows: list[tuple[int, DroppedRow]] = []

    def add(self, failed: Failed[Any], row_ids: Sequence[str]) -> None:
        """Add the rows of a failed item."""
        error = {"error": failed.message.encode("utf-8", "replace").decode()}
        self.drop(failed.number, [DroppedRow(row_id, failed.reason, error) for row_id in row_ids])

    def drop(self, number: int, rows: Iterable[DroppedRow]) -> None:
        """Add dropped rows of item ``number``."""
        self._rows += [(number, row) for row in rows]

    def frame(self) -> pl.DataFrame:
        """`Dropped` rows, in the order of the input."""
        rows = [row for _, row in sorted(self._rows, key=lambda each: each[0])]
        return pl.DataFrame(
            {
                "row_id": [row.row_id for row in rows],
                "stage": [self._stage] * len(rows),
                "reason": [row.reason for row in rows],
                "numbers": [canonical(dict(row.numbers)) for row in rows],
            },
            schema=columns(Dropped),
        )


def to_table(
    run: RowRun[Item, list[TableRow]],
    table: type[Table],
    *,
    stage: str,
    unit: str,
    ids: Callable[[Item], Sequence[str]],
    position: Callable[[Item, tuple[Any, ...]], int] | None = None,
    together: bool = False,
) -> Split:
    """Run all rows and collect their outcomes.

    Args:
        run: gives rows of ``table`` for each item (columns in order, the fields of ``origin`` at
            the end), and a `DroppedRow` for each dropped row.
        table: the table whose rules each kept row must satisfy.
        stage: the stage's name, for dropped rows.
        unit: the column with the id under which a row that breaks a rule is dropped.
        ids: the ids under which a failed item is dropped.
        position: the position of a row in the result; by default that of its item.
        together: if a row breaks a rule, whether all rows of its ``unit`` are dropped.

    Returns:
        Kept rows in the order of the input. Dropped rows: those of failed items, then `DroppedRow`
        ones, then those that break a rule. The report has the run's usage.
    """
    rows, failed, dropped = Rows(table), FailedRows(stage), FailedRows(stage)
    with closing(iter(run)) as outcomes:
        for outcome in outcomes:
            number, item = outcome.number, outcome.item
            if isinstance(outcome, Failed):
                failed.add(outcome, ids(item))
                continue
            for row in outcome.result:
                if isinstance(row, DroppedRow):
                    dropped.drop(number, [row])
                else:
                    rows.add((number if position is None else position(item, row), *row))
    split = accept(table, rows.frame(), stage=stage, unit=unit)
    kept, broken = split.kept, split.dropped
    if together:
        broken = broken.unique("row_id", keep="first", maintain_order=True)
        kept = kept.filter(~pl.col(unit).is_in(broken["row_id"].implode()))
    lost = pl.concat([failed.frame(), dropped.frame(), broken])
    return Split(kept, lost, StageReport(usage=run.usage))
