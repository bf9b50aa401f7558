"""How many rows came into a stage, how many it kept, and how many it dropped and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.project.recipe_plan import Stage
from schemas import Checkpoints, Split, id_column


def count_reasons(dropped: pl.DataFrame) -> dict[str, int]:
    """How many rows were dropped for each reason, the most frequent first."""
    return most_first(dict(dropped["reason"].value_counts(name="rows").iter_rows()))


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by reason, the most frequent first."""
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


@dataclass(frozen=True)
class RowCounts:
    """How many rows came in, were kept and were dropped, in distinct ids.

    Attributes:
        unit: The id column that is counted, or ``rows``.
        came: How many came in.
        kept: How many were kept.
        dropped: How many were dropped, by reason.
        also: How many rows of another unit were dropped, by reason: for example an empty response
            to a prompt that was kept.
    """

    unit: str
    came: int
    kept: int
    dropped: Mapping[str, int]
    also: Mapping[str, int]

    @property
    def refused(self) -> int:
        """How many were dropped in total."""
        return sum(self.dropped.values())

    @property
    def adds_up(self) -> bool:
        """Whether kept + dropped = in."""
        return self.kept + self.refused == self.came

    @property
    def units(self) -> str:
        """The plural name of the unit: ``prompts``, ``responses``, ..."""
        return "rows" if self.unit == "rows" else f"{self.unit.removesuffix('_id')}s"

    @classmethod
    def of(cls, split: Split) -> "RowCounts":
        """The counts of rows that are read or drawn, and not made from other rows."""
        reasons = count_reasons(split.dropped)
        kept = split.kept.height
        return cls("rows", kept + sum(reasons.values()), kept, reasons, {})


def counted_columns(stage: Stage) -> list[str]:
    """The columns that `count_rows` looks at."""
    return [stage.operator.unit or id_column(stage.gives), "trained"]


def count_rows(stage: Stage, tables: Mapping[str, pl.DataFrame], split: Split) -> RowCounts:
    """Count the rows of a stage.

    The stage's input ``of`` is counted. If it does not have the id column, another input with that
    column is counted: a policy, for example, is validated on prompts. If the kept rows are not
    input rows (a checkpoint that was trained on pairs), all input rows that were not dropped count
    as kept. A checkpoint that was not trained counts as no kept row, and neither does a row that an
    operator adds to its input (`schemas.Operator.adds`).

    Args:
        stage: The stage.
        tables: The tables that it reads, by stage name.
        split: The rows that it kept and dropped.
    """
    reads = stage.operator.inputs()
    by_field = {read.field: tables[read.stage] for read in reversed(reads)}
    unit = stage.operator.unit or id_column(stage.gives)
    with_unit = [frame for field, frame in sorted(by_field.items()) if unit in frame.columns]
    if not with_unit:
        return RowCounts.of(split)
    of = getattr(stage.operator, "of", None)
    inputs = [tables[name] for name in of] if isinstance(of, tuple) else [by_field["of"]]
    counted = inputs if unit in inputs[0].columns else with_unit[:1]
    ids = pl.concat([frame[unit] for frame in counted]).unique()
    first = split.dropped.unique("row_id", keep="first", maintain_order=True)
    # The dropped rows are few, so they are looked for among all, and not all among them.
    met = ids.filter(ids.is_in(first["row_id"].implode()))
    refused = first.filter(pl.col("row_id").is_in(met.implode()))
    others = split.dropped.join(refused, on="row_id", how="anti")
    if unit in split.kept.columns and stage.operator.adds:
        kept = ids.filter(ids.is_in(split.kept[unit].implode())).len()
    elif unit in split.kept.columns:
        kept = split.kept[unit].n_unique()
    elif stage.gives is Checkpoints and not split.kept["trained"].all():
        kept = 0
    else:
        kept = ids.len() - refused.height
    return RowCounts(unit, ids.len(), kept, count_reasons(refused), count_reasons(others))
