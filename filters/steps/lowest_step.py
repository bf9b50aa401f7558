"""The step of a solution with the lowest value or advantage."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.filter import Filter
from filters.steps.response_scores import response_scores
from schemas import Scores, Split, Table, Takes


class LowestStep(Filter):
    """Scores a response by the index of its worst step, from the values of its prefixes
    (`annotators.RolloutValue`). `generators.Rectify` and `filters.StepPairs` continue there.

    ``value``: the first step with the lowest value Q, the "first pit" at which the per-step
    negatives of Setlur et al. 2024 (arXiv:2406.14532) end. (They use the probability that the best
    of 5 rollouts is right, which has its minimum at the same step.) ``advantage``: the first step
    with the lowest A = Q of the step − Q of the step before, as in their theory. How the paper
    chooses the step is known from summaries of it.

    A response is dropped if a prefix, the prompt included, has no value, or if no step falls below
    the value of the prompt (``advantage``: no step lowers the value). Then no step is to blame; and
    if no rollout solves the prompt, there is no step to go back to. Annotators keep their names.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Scores)]
    lowest: Literal["value", "advantage"] = "advantage"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        step = pl.col("step").drop_nulls()
        valued = (
            tables[self.of]
            .group_by("response_id", "annotator", maintain_order=True)
            .agg(
                values=pl.col("value").filter(pl.col("step") >= -1).sort_by(step),
                steps=step.sort(),
                origin=pl.col("origin").sort_by("step", nulls_last=True).first(),
            )
        )
        if self.lowest == "advantage":
            # Rounded, so that equal differences are equal.
            gains = pl.col("values").list.diff().list.eval(pl.element().round(12))
            candidates, bound = gains.list.slice(1), pl.lit(0.0)
        else:
            candidates, bound = pl.col("values").list.slice(1), pl.col("values").list.first()
        expected_steps = pl.int_ranges(
            -1, pl.col("steps").list.len().cast(pl.Int64) - 1, dtype=pl.Int32
        )
        judged = valued.with_columns(
            value=candidates.list.arg_min().cast(pl.Float64),
            lowest=candidates.list.min(),
            reason=pl.when((pl.col("steps").list.len() < 2) | (pl.col("steps") != expected_steps))
            .then(pl.lit("not every prefix is valued"))
            .when(pl.col("values").list.eval(pl.element().is_null()).list.any())
            .then(pl.lit("a prefix's value is an error"))
            .when(candidates.list.min() >= bound)
            .then(pl.lit("no step lowers the value")),
        )
        return response_scores(
            judged,
            prompt=pl.col("values").list.first(),
            lowest=pl.col("lowest"),
            prefixes=pl.col("steps").list.len(),
        )
