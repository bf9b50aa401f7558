"""The rewards of the steps of a response as one row with lists, and back as rows of `Scores`."""

import polars as pl

from filters.filter import refused
from schemas import Scores, Split, columns


def by_response(scores: pl.DataFrame) -> pl.DataFrame:
    """One row for each response and annotator, in their order.

    ``values``: the scores of the steps, in order, null for errors; empty if the steps have no
    scores. ``errors``: the number of errors. ``origin``: that of the first step.
    """
    step = pl.col("step") >= 0
    return scores.group_by("response_id", "annotator", maintain_order=True).agg(
        values=pl.col("value").filter(step).sort_by(pl.col("step").filter(step)),
        errors=pl.col("error").count(),
        origin=pl.col("origin").sort_by("step", nulls_last=True).first(),
    )


def rewritten(rewards: pl.DataFrame, *, keep_steps: bool) -> Split:
    """`Scores` from the rows of `by_response`, with a ``value`` for the whole and, if
    ``keep_steps``, the ``values`` of the steps.

    A response with a step without a reward is dropped, because the rest would be another solution.
    """
    has_error = pl.col("values").list.eval(pl.element().is_null()).list.any()
    judged = rewards.with_columns(
        reason=pl.when(pl.col("values").list.len() == 0)
        .then(pl.lit("no step is scored"))
        .when(has_error)
        .then(pl.lit("a step's score is an error"))
    )
    dropped = refused(
        judged.filter(pl.col("reason").is_not_null()).unique("response_id", maintain_order=True),
        "response_id",
        pl.col("reason"),
        errors=pl.col("errors"),
    )
    kept = judged.filter(~pl.col("response_id").is_in(dropped["row_id"].implode()))
    of_responses = kept.select(
        "response_id",
        pl.lit(None, pl.Int32).alias("step"),
        "annotator",
        "value",
        pl.lit(None, pl.String).alias("raw"),
        pl.lit(None, pl.String).alias("error"),
        pl.lit(None, pl.Float64).alias("mass"),
        "origin",
    )
    if not keep_steps:
        return Split(of_responses.cast(columns(Scores)), dropped)
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
            pl.lit(None, pl.Float64).alias("mass"),
            "origin",
        )
    )
    order = kept.select("response_id", "annotator").with_row_index("place")
    rows = pl.concat([steps, of_responses]).join(order, on=["response_id", "annotator"])
    ordered = rows.sort("place", pl.col("step").fill_null(2**31 - 1)).drop("place")
    return Split(ordered.cast(columns(Scores)), dropped)
