"""The rewards of a response's steps, as one row with lists, and back as rows of `Scores`."""

import polars as pl

from filters.filter import refused
from schemas import Scores, Split, columns


def by_response(scores: pl.DataFrame) -> pl.DataFrame:
    """One row for each response and annotator, in the order in which they come.

    ``values``: what it says of the steps, in their order, null where that could not be read;
    ``errors``: how many could not; ``origin``: of the first step. Of a response whose steps were
    not scored ``values`` is empty.
    """
    step = pl.col("step") >= 0
    return scores.group_by("response_id", "annotator", maintain_order=True).agg(
        values=pl.col("value").filter(step).sort_by(pl.col("step").filter(step)),
        errors=pl.col("error").count(),
        origin=pl.col("origin").sort_by("step", nulls_last=True).first(),
    )


def rewritten(rewards: pl.DataFrame, *, keep_steps: bool) -> Split:
    """`Scores` from `by_response` with ``value``, of the whole, and the steps' ``values``, those
    only where ``keep_steps``.

    A response some step of which has no reward is dropped: the rest would be another solution.
    """
    short = pl.col("values").list.eval(pl.element().is_null()).list.any()
    judged = rewards.with_columns(
        reason=pl.when(pl.col("values").list.len() == 0)
        .then(pl.lit("no step is scored"))
        .when(short)
        .then(pl.lit("a step's score is an error"))
    )
    dropped = refused(
        judged.filter(pl.col("reason").is_not_null()).unique("response_id", maintain_order=True),
        "response_id",
        pl.col("reason"),
        errors=pl.col("errors"),
    )
    kept = judged.filter(~pl.col("response_id").is_in(dropped["row_id"].implode()))
    whole = kept.select(
        "response_id",
        pl.lit(None, pl.Int32).alias("step"),
        "annotator",
        "value",
        pl.lit(None, pl.String).alias("raw"),
        pl.lit(None, pl.String).alias("error"),
        "origin",
    )
    if not keep_steps:
        return Split(whole.cast(columns(Scores)), dropped)
    steps = (
        kept.with_columns(
            step=pl.int_ranges(pl.col("values").list.len().cast(pl.Int64)), value=pl.col("values")
        )
        .explode("step", "value")
        .select(
            "response_id",
            pl.col("step").cast(pl.Int32),
            "annotator",
            "value",
            pl.lit(None, pl.String).alias("raw"),
            pl.lit(None, pl.String).alias("error"),
            "origin",
        )
    )
    order = kept.select("response_id", "annotator").with_row_index("place")
    told = pl.concat([steps, whole]).join(order, on=["response_id", "annotator"])
    ordered = told.sort("place", pl.col("step").fill_null(2**31 - 1)).drop("place")
    return Split(ordered.cast(columns(Scores)), dropped)
