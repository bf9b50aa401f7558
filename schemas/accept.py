"""Checks a stage's rows: rows that satisfy the table's rules are kept, others are `Dropped`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import polars as pl

from schemas.ids import canonical
from schemas.report import StageReport
from schemas.tables import Dropped, Table


@dataclass(frozen=True)
class Split:
    """A stage's result: kept rows, `Dropped` rows, and a report."""

    kept: pl.DataFrame
    dropped: pl.DataFrame
    report: StageReport = field(default_factory=StageReport)

    def with_report(self, report: StageReport) -> "Split":
        """The same rows, with ``report`` added to the report."""
        return replace(self, report=self.report + report)


def columns(table: type[Table]) -> pl.Schema:
    """The table's column names and Polars types, in order."""
    return pl.Schema(_types(table))


@cache
def _types(table: type[Table]) -> dict[str, pl.DataType]:
    """The same, kept: dataframely builds the columns again each time."""
    return {name: column.dtype for name, column in table.columns().items()}


def empty(table: type[Table]) -> pl.DataFrame:
    """No rows, with the table's columns and types."""
    return pl.DataFrame(schema=columns(table))


def rows(table: type[Table], records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A frame with the table's columns and types; absent keys become null, rules are not checked.

    Raises `TypeError` or a Polars error if a value does not fit its column.
    """
    return pl.DataFrame(records, schema=columns(table))


def dropped(
    stage: str, reason: str, row_ids: Sequence[str], numbers: Sequence[Mapping[str, Any]] = ()
) -> pl.DataFrame:
    """`Dropped` rows with one reason. ``numbers`` is empty or has one mapping per row."""
    return pl.DataFrame(
        {
            "row_id": list(row_ids),
            "stage": [stage] * len(row_ids),
            "reason": [reason] * len(row_ids),
            "numbers": [canonical(n) for n in numbers] if numbers else ["{}"] * len(row_ids),
        },
        schema=columns(Dropped),
    )


def accept(table: type[Table], frame: pl.DataFrame, *, stage: str, unit: str) -> Split:
    """Split ``frame`` into rows that satisfy all rules of ``table`` and `Dropped` rows.

    Args:
        table: the table.
        frame: the rows. Their order is kept.
        stage: the stage's name.
        unit: the column with the id of a dropped row. Its reason is the first broken rule.

    Raises:
        dataframely.exc.ValidationError: a column is missing.
    """
    kept, failure = table.filter(frame, cast=True)
    details = failure.details()
    broken = [name for name in details.columns if name not in frame.columns]
    if details.is_empty():
        return Split(kept, empty(Dropped))
    reason = pl.coalesce(
        *(pl.when(pl.col(name) == "invalid").then(pl.lit(name)) for name in broken),
        pl.lit("rule broken"),
    )
    refused = details.select(
        row_id=pl.col(unit).cast(pl.String).fill_null("(no id)"),
        stage=pl.lit(stage),
        reason=reason,
        numbers=pl.lit("{}"),
    )
    return Split(kept, refused)
