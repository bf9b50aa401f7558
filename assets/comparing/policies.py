"""The policies of two recipes, before and after training."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from assets.comparing.comparison import Validated
from assets.policy.promotion import tolerance_of
from assets.report.report_data import ReportData
from schemas import EVALUATIONS, Evaluations
from trainers.evaluation.metrics import measured_by, paired_interval, summary


def validated(one: ReportData, other: ReportData) -> Iterator[Validated]:
    """The figures of each validation, the interval of each, and that between the policies."""
    sides = [_measured(data) for data in (one, other)]
    for name in dict.fromkeys(stage for side in sides for stage in side):
        frames = [side[name][0] if name in side else None for side in sides]
        figures = [side[name][1] if name in side else None for side in sides]
        between = None
        if frames[0] is not None and frames[1] is not None:
            between = _between(frames[0], frames[1])
        yield Validated(name, (figures[0], figures[1]), between)


def _measured(data: ReportData) -> dict[str, tuple[pl.DataFrame, Mapping[str, Any]]]:
    """The rows and the figures of the stages that measured a policy on some prompt."""
    evaluations: dict[str, tuple[pl.DataFrame, Mapping[str, Any]]] = {}
    for stage in data.stages:
        if stage.gives in EVALUATIONS and data.ran(stage.name):
            rows = data.rows(stage.name).drop("refresh")
            if rows.height:
                evaluations[stage.name] = (
                    rows,
                    summary(rows, seed=data.recipe.seed, tolerance=tolerance_of(stage)),
                )
    return evaluations


def _between(one: pl.DataFrame, other: pl.DataFrame) -> Mapping[str, Any] | None:
    """The trained policy of the second less that of the first; None if they were measured in
    different ways, against their own starts, or on no common prompt."""
    if set(Evaluations.column_names()) - set(one.columns) - set(other.columns):
        return None
    by = measured_by(one)
    if by == "judge" or measured_by(other) != by:
        return None
    column = "greedy_after" if by == "check" else "reward_after"
    both = one.join(other, on="prompt_id", suffix="_other")
    if both.is_empty():
        return None
    first, second = (both[name].cast(pl.Float64) for name in (column, f"{column}_other"))
    low, high = paired_interval(first.to_numpy(), second.to_numpy())
    difference = (second - first).mean()
    return {"by": by, "prompts": both.height, "difference": difference, "low": low, "high": high}
