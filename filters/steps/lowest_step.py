"""Where a solution loses most: the step whose value, or advantage, is the lowest."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.filter import Filter, refused
from schemas import Scores, Split, Table, Takes, columns


class LowestStep(Filter):
    """Scores a response by the index of the step at which it goes wrong, from the values of its
    prefixes (`annotators.RolloutValue`), so that `generators.Rectify` and `filters.StepPairs` go
    on there.

    ``value``: the first step after which the value Q is the lowest, the "first pit" with which the
    per-step negatives of Setlur et al. 2024 (arXiv:2406.14532) end. (They take the chance that the
    best of 5 rollouts is right, which is lowest where that of one is.) ``advantage``: the first
    step with the lowest A = Q of the step − Q of the step before, in which their theory puts it.
    How the paper picks the step was read in summaries of it.

    A response is dropped one of whose prefixes, the prompt's own included, has no value, or whose
    steps never fall below the prompt's value (``advantage``: never lower it): there is no step to
    blame, and before a prompt that no rollout solves none to go back to. Annotators keep their
    names.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"

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
            # Rounded, or differences that are equal would not look it.
            gains = pl.col("values").list.diff().list.eval(pl.element().round(12))
            blamed, bound = gains.list.slice(1), pl.lit(0.0)
        else:
            blamed, bound = pl.col("values").list.slice(1), pl.col("values").list.first()
        every = pl.int_ranges(-1, pl.col("steps").list.len().cast(pl.Int64) - 1, dtype=pl.Int32)
        judged = valued.with_columns(
            value=blamed.list.arg_min().cast(pl.Float64),
            lowest=blamed.list.min(),
            reason=pl.when((pl.col("steps").list.len() < 2) | (pl.col("steps") != every))
            .then(pl.lit("not every prefix is valued"))
            .when(pl.col("values").list.eval(pl.element().is_null()).list.any())
            .then(pl.lit("a prefix's value is an error"))
            .when(blamed.list.min() >= bound)
            .then(pl.lit("no step lowers the value")),
        )
        bad = judged.filter(pl.col("reason").is_not_null()).unique(
            "response_id", keep="first", maintain_order=True
        )
        kept = judged.join(bad, on="response_id", how="anti", maintain_order="left")
        whole = kept.with_columns(
            step=pl.lit(None, pl.Int32),
            raw=pl.lit(None, pl.String),
            error=pl.lit(None, pl.String),
        )
        return Split(
            whole.select(columns(Scores).names()).cast(columns(Scores)),
            refused(
                bad,
                "response_id",
                pl.col("reason"),
                prompt=pl.col("values").list.first(),
                lowest=pl.col("lowest"),
                prefixes=pl.col("steps").list.len(),
            ),
        )
