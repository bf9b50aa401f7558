"""Scores of responses that a filter reads from the scores of their steps."""

import polars as pl

from filters.filter import refused
from schemas import Scores, Split, columns


def response_scores(judged: pl.DataFrame, **numbers: pl.Expr) -> Split:
    """A score of each response and annotator, or why a response is dropped.

    Args:
        judged: ``response_id``, ``annotator``, ``value``, ``origin``, and ``reason``, null if the
            row is kept. A response with one reason is dropped with all its rows.
        numbers: What is told of a dropped row.
    """
    bad = judged.filter(pl.col("reason").is_not_null()).unique(
        "response_id", keep="first", maintain_order=True
    )
    kept = judged.join(bad, on="response_id", how="anti", maintain_order="left")
    scores = kept.with_columns(
        step=pl.lit(None, pl.Int32),
        raw=pl.lit(None, pl.String),
        error=pl.lit(None, pl.String),
        mass=pl.lit(None, pl.Float64),
    )
    return Split(
        scores.select(columns(Scores).names()).cast(columns(Scores)),
        refused(bad, "response_id", pl.col("reason"), **numbers),
    )
