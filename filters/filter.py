"""The base of all filters: pure functions of frames that choose rows and call no model."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from schemas import Dropped, Operator, Split, Table, accept, columns, id_column


class Filter(Operator):
    """A filter says in `choose` which rows it keeps, and why it refuses each of the others.

    As many distinct ids of ``unit`` as the stage `of` holds are kept or dropped. Kept rows are in
    the order in which `of` first names their unit; which rows are kept does not depend on order.
    """

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        """What is kept and dropped of ``tables`` (by stage name). Rows dropped are made with
        `refused`; `run` writes the stage's name into them."""
        raise TypeError(f"{type(self).__name__} does not say what it chooses")

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any = None) -> Split:
        """Choose, then hold every kept row against the rules of its table.

        A row that breaks a rule is dropped under its unit's id; where a unit has several rows,
        under its own id, and the unit is dropped too once none of its rows is left.
        ``context`` only gives the stage its name; None stands for the filter's own.
        """
        stage = type(self).__name__ if context is None else str(context.stage)
        of = next(read.stage for read in self.inputs() if read.field == "of")
        table = self.gives or table_of(tables[of])
        unit = self.unit or id_column(table)
        chosen = self.choose(tables)
        one_a_unit = not chosen.kept[unit].is_duplicated().any()
        accepted = accept(
            table, chosen.kept, stage=stage, unit=unit if one_a_unit else id_column(table)
        )
        refusals = [chosen.dropped.with_columns(stage=pl.lit(stage)), accepted.dropped]
        if not one_a_unit:
            emptied = chosen.kept.select(unit).unique(maintain_order=True)
            emptied = emptied.join(accepted.kept, on=unit, how="anti")
            refusals.append(refused(emptied, unit, "no row kept").with_columns(stage=pl.lit(stage)))
        return Split(accepted.kept, pl.concat(refusals), chosen.report)


def refused(
    frame: pl.DataFrame, unit: str, reason: str | pl.Expr, **numbers: pl.Expr
) -> pl.DataFrame:
    """One `Dropped` row for each row of ``frame``, named by its column ``unit``.

    ``numbers`` are what decided it, by name; ``reason`` a text, or an expression that gives one.
    """
    decided = [numbers[name].alias(name) for name in sorted(numbers)]
    return frame.select(
        row_id=pl.col(unit).cast(pl.String),
        stage=pl.lit("filter"),
        reason=pl.lit(reason) if isinstance(reason, str) else reason,
        numbers=pl.struct(decided).struct.json_encode() if decided else pl.lit("{}"),
    ).cast(columns(Dropped))


def refused_by_reason(frame: pl.DataFrame, unit: str, *numbers: str) -> pl.DataFrame:
    """One `Dropped` row for each row of ``frame`` that has a ``reason``; ``numbers`` are columns of
    it."""
    against = frame.filter(pl.col("reason").is_not_null())
    return refused(against, unit, pl.col("reason"), **{name: pl.col(name) for name in numbers})


def table_of(frame: pl.DataFrame) -> type[Table]:
    """The table whose columns ``frame`` has. Raises ValueError if it is none of them."""
    for table in Table.__subclasses__():
        if set(frame.columns) == set(table.columns()):
            return table
    raise ValueError(f"these columns are no table of the factory: {', '.join(frame.columns)}")
