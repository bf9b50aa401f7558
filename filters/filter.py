"""The base of all filters: pure functions of frames that choose rows and call no model."""

from collections.abc import Mapping, Sequence
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

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        """As `choose`, of a filter that takes several tables. ``table`` is the one that it gives:
        where ``gives`` is None, that of the stage `of`."""
        return self.choose(tables)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any = None) -> Split:
        """Choose, then hold every kept row against the rules of its table.

        A row that breaks a rule is dropped under its unit's id; where a unit has several rows,
        under its own id, and the unit is dropped too once none of its rows is left.
        ``context`` gives the stage its name, and the table where that depends on the stage `of`.
        Without a context the filter's own name is the stage's, and the table is the one of those
        that it takes whose columns are there.

        Raises:
            ValueError: without a context, the columns of `of` are those of no table it takes.
        """
        stage = type(self).__name__ if context is None else str(context.stage)
        table = self.gives or (context and context.gives) or self._table_read(tables)
        unit = self.unit or id_column(table)
        chosen = self.choose_rows(tables, table)
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

    def _table_read(self, tables: Mapping[str, pl.DataFrame]) -> type[Table]:
        of = [read for read in self.inputs() if read.field == "of"]
        found = {read.stage: _fitting(tables[read.stage], read.tables, read.stage) for read in of}
        if len(set(found.values())) > 1:
            given = ", ".join(f"{stage!r} gives {table.__name__}" for stage, table in found.items())
            raise ValueError(
                f"{type(self).__name__} takes stages that give the same table, but {given}"
            )
        return found[of[0].stage]


def _fitting(frame: pl.DataFrame, tables: Sequence[type[Table]], stage: str) -> type[Table]:
    """The one of ``tables`` whose columns ``frame`` has, and maybe others."""
    lacking = {
        table: [name for name in table.columns() if name not in frame.columns] for table in tables
    }
    fitting = [table for table, missing in lacking.items() if not missing]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(table.__name__ for table in fitting)
        raise ValueError(f"{stage!r} has the columns of several tables: {names}")
    nearest = min(tables, key=lambda table: len(lacking[table]) / len(table.columns()))
    raise ValueError(
        f"{stage!r} has the columns of no table that can be read here; of {nearest.__name__} it "
        f"lacks {', '.join(lacking[nearest])}"
    )


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
