"""The base class of filters: pure functions of tables that choose rows and call no model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from engines.operators.system_turns import as_asked
from schemas import Dropped, Operator, Split, Table, accept, columns, id_column


@dataclass(frozen=True)
class Earlier:
    """Rows that a filter has decided about, in their order.

    Attributes:
        ids: String[rows]: their ids.
        marks: What the filter noted of each row (`Filter.choose_more`); None before the first row.
        read: Reads the rows of some numbers, which ascend.
    """

    ids: pl.Series
    marks: pl.DataFrame | None
    read: Callable[[pl.Series], pl.DataFrame]


class Filter(Operator):
    """Base class: a subclass implements `choose`, which returns the kept rows and a reason for each
    dropped row.

    Every id of ``unit`` in the stage `of` is either kept or dropped. Kept rows are in the order in
    which `of` first names their unit. Which rows are kept does not depend on the order.
    """

    one_prompt: ClassVar[bool] = False
    """Whether it chooses among the rows of each prompt by these rows alone; among those of each
    response, if it reads scores alone."""

    one_row: ClassVar[bool] = False
    """Whether it decides about each row of `of` by that row alone."""
    in_order: ClassVar[bool] = False
    """Whether it decides about each row of `of` by that row and those before it: then it has
    `choose_more`."""

    @property
    def by_prompt(self) -> bool:
        """Whether it can choose in parts, with its parameters."""
        return self.one_prompt

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        """The kept and dropped rows of ``tables`` (by stage name). Make dropped rows with
        `refused`; `run` sets their stage name."""
        raise TypeError(f"{type(self).__name__} does not implement choose()")

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        """As `choose`, for a filter that takes several kinds of tables. ``table`` is the kind that
        it gives: ``gives`` or, if that is None, the kind of the stage `of`."""
        return self.choose(tables)

    def choose_more(
        self, frame: pl.DataFrame, table: type[Table], earlier: "Earlier"
    ) -> tuple[Split, pl.DataFrame]:
        """As `choose_rows`, for rows that come after ``earlier`` ones, which stay as they are.

        Returns:
            The kept and dropped ones of ``frame``, and the marks of its rows, in their order.
        """
        raise TypeError(f"{type(self).__name__} does not implement choose_more()")

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any = None) -> Split:
        """Choose rows, then check every kept row against the rules of its table.

        A row that breaks a rule is dropped under the id of its unit. If a unit has several rows,
        the row is dropped under its own id, and the unit is dropped if none of its rows is left.

        Args:
            tables: the inputs, by stage name.
            context: gives the stage name, and the kind of table if that depends on `of`.
                Without it, the stage name is the class name, and the kind is found by the
                columns of `of`.

        Raises:
            ValueError: without a context, the columns of `of` fit no table that the filter
                takes.
        """
        stage = type(self).__name__ if context is None else str(context.stage)
        table = self.gives or (context and context.gives) or self._input_table(tables)
        unit = self.unit or id_column(table)
        chosen = self.choose_rows(as_asked(self, tables), table)
        one_a_unit = not chosen.kept[unit].is_duplicated().any()
        accepted = accept(
            table, chosen.kept, stage=stage, unit=unit if one_a_unit else id_column(table)
        )
        refusals = [chosen.dropped.with_columns(stage=pl.lit(stage)), accepted.dropped]
        if not one_a_unit:
            without_rows = chosen.kept.select(unit).unique(maintain_order=True)
            without_rows = without_rows.join(accepted.kept, on=unit, how="anti")
            refusals.append(
                refused(without_rows, unit, "no row kept").with_columns(stage=pl.lit(stage))
            )
        return Split(accepted.kept, pl.concat(refusals), chosen.report)

    def _input_table(self, tables: Mapping[str, pl.DataFrame]) -> type[Table]:
        of = [source for source in self.inputs() if source.field == "of"]
        fitting = {
            source.stage: _fitting(tables[source.stage], source.tables, source.stage)
            for source in of
        }
        if len(set(fitting.values())) > 1:
            stages = ", ".join(
                f"{stage!r} gives {table.__name__}" for stage, table in fitting.items()
            )
            raise ValueError(
                f"{type(self).__name__} takes stages that give the same table, but {stages}"
            )
        return fitting[of[0].stage]


def _fitting(frame: pl.DataFrame, tables: Sequence[type[Table]], stage: str) -> type[Table]:
    """The one of ``tables`` whose columns ``frame`` has. Additional columns are allowed."""
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
        f"{stage!r} has the columns of no table that this filter takes; the nearest is "
        f"{nearest.__name__}, which also needs {', '.join(lacking[nearest])}"
    )


def refused(
    frame: pl.DataFrame, unit: str, reason: str | pl.Expr, **numbers: pl.Expr
) -> pl.DataFrame:
    """One `Dropped` row for each row of ``frame``.

    Args:
        frame: the rows to drop.
        unit: the column with the id of the dropped row.
        reason: a text, or an expression that gives one.
        numbers: expressions of the numbers that decided it, by name.
    """
    values = [numbers[name].alias(name) for name in sorted(numbers)]
    return frame.select(
        row_id=pl.col(unit).cast(pl.String),
        stage=pl.lit("filter"),
        reason=pl.lit(reason) if isinstance(reason, str) else reason,
        numbers=pl.struct(values).struct.json_encode() if values else pl.lit("{}"),
    ).cast(columns(Dropped))


def refused_by_reason(frame: pl.DataFrame, unit: str, *numbers: str) -> pl.DataFrame:
    """One `Dropped` row for each row of ``frame`` with a ``reason``. ``numbers`` are names of its
    columns."""
    bad = frame.filter(pl.col("reason").is_not_null())
    return refused(bad, unit, pl.col("reason"), **{name: pl.col(name) for name in numbers})
