"""How many rows came into a stage, how many it kept, and how many it dropped and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.project.recipe_plan import Stage
from schemas import Checkpoints, Split, id_column


def count_reasons(dropped: pl.DataFrame) -> dict[str, int]:
    """How many rows were dropped for each reason, the most frequent first."""
    counts = (
        dropped["reason"]
        .value_counts(name="rows")
        .sort(["rows", "reason"], descending=[True, False])
    )
    return dict(counts.iter_rows())


@dataclass(frozen=True)
class RowCounts:
    """What came in, what was kept, what was dropped and why, in distinct ids of ``unit``.

    ``dropped`` leaves out rows refused at another level (an empty response of a prompt that was
    kept): ``also`` counts those.
    """

    unit: str
    came: int
    kept: int
    dropped: Mapping[str, int]
    also: Mapping[str, int]

    @property
    def refused(self) -> int:
        """How many were dropped, for any reason."""
        return sum(self.dropped.values())

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost: kept + dropped = in."""
        return self.kept + self.refused == self.came

    @property
    def units(self) -> str:
        """What is counted, in the plural: ``prompts``, ``responses``, ..."""
        return "rows" if self.unit == "rows" else f"{self.unit.removesuffix('_id')}s"

    @classmethod
    def of(cls, split: Split) -> "RowCounts":
        """Of rows that are read or drawn, and not made of others."""
        reasons = count_reasons(split.dropped)
        kept = split.kept.height
        return cls("rows", kept + sum(reasons.values()), kept, reasons, {})


def count_rows(stage: Stage, tables: Mapping[str, pl.DataFrame], split: Split) -> RowCounts:
    """What of the stage's ``of`` was kept and dropped (or, where that has no such ids, of the
    other table it reads: policies are measured on prompts).

    Where a kept row is not one that came in (a checkpoint learnt from pairs), what came in and was
    not dropped counts as kept; a checkpoint that was not trained kept nothing.
    """
    reads = stage.operator.inputs()
    named = {read.field: tables[read.stage] for read in reversed(reads)}
    unit = stage.operator.unit or id_column(stage.gives)
    holding = [frame for field, frame in sorted(named.items()) if unit in frame.columns]
    if not holding:
        return RowCounts.of(split)
    of = getattr(stage.operator, "of", None)
    whole = [tables[name] for name in of] if isinstance(of, tuple) else [named["of"]]
    read = whole if unit in whole[0].columns else holding[:1]
    ids = pl.concat([frame[unit] for frame in read]).unique()
    first = split.dropped.unique("row_id", keep="first", maintain_order=True)
    refused = first.filter(pl.col("row_id").is_in(ids.implode()))
    others = split.dropped.join(refused, on="row_id", how="anti")
    if unit in split.kept.columns:
        kept = split.kept[unit].n_unique()
    elif stage.gives is Checkpoints and not split.kept["trained"].all():
        kept = 0
    else:
        kept = ids.len() - refused.height
    return RowCounts(unit, ids.len(), kept, count_reasons(refused), count_reasons(others))
