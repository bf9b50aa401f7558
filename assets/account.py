"""What came into a stage, what it kept and what it dropped and why, counted and told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from assets.look import counted
from assets.pictures import funnel_picture, in_markdown
from assets.plan import Stage
from schemas import Checkpoints, Split


@dataclass(frozen=True)
class Account:
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
    def of(cls, split: Split) -> "Account":
        """Of rows that are read or drawn, and not made of others."""
        reasons = counted(split.dropped)
        kept = split.kept.height
        return cls("rows", kept + sum(reasons.values()), kept, reasons, {})


def accounted(stage: Stage, tables: Mapping[str, pl.DataFrame], split: Split) -> Account:
    """What of the stage's ``of`` was kept and dropped (or, where that has no such ids, of the
    other table it reads: policies are measured on prompts).

    Where a kept row is not one that came in (a checkpoint learnt from pairs), what came in and was
    not dropped counts as kept; a checkpoint that was not trained kept nothing.
    """
    from filters.filter import own_id, table_of

    reads = stage.operator.inputs()
    named = {read.field: tables[read.stage] for read in reversed(reads)}
    unit = stage.operator.unit or own_id(table_of(named["of"]))
    holding = [frame for field, frame in sorted(named.items()) if unit in frame.columns]
    if not holding:
        return Account.of(split)
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
    return Account(unit, ids.len(), kept, counted(refused), counted(others))


def told(account: Account, *, seconds: float) -> dict[str, Any]:
    """Metadata for the UI: the funnel as a picture, and numbers that it plots over time."""
    picture = funnel_picture(account.units, account.came, account.kept, account.dropped)
    shown: dict[str, Any] = {
        "funnel": in_markdown(picture),
        "in": account.came,
        "kept": account.kept,
        "dropped": account.refused,
        "counted in": account.units,
        "seconds": seconds,
        "rows/s": account.came / max(seconds, 1e-6),
    }
    if account.came:
        shown["share kept"] = account.kept / account.came
    if account.also:
        shown["also refused"] = dg.MetadataValue.json(dict(account.also))
    return shown


def adds_up(account: Account) -> dg.AssetCheckResult:
    """The asset check ``adds_up``, with the sum in words."""
    total = account.kept + account.refused
    parts = f"{account.kept:,} kept and {account.refused:,} dropped"
    if account.adds_up:
        says = f"{parts} are the {account.came:,} {account.units} that came in"
    else:
        lost = account.came - total
        what = f"{lost:,} are in neither" if lost > 0 else f"{-lost:,} were not among them"
        says = f"{parts} are {total:,}, but {account.came:,} {account.units} came in: {what}"
    return dg.AssetCheckResult(
        check_name="adds_up",
        passed=account.adds_up,
        description=says,
        metadata={
            "in": account.came,
            "kept": account.kept,
            "dropped": account.refused,
            "counted in": account.units,
        },
    )
