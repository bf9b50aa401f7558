"""The margin of a pair by a stage of scores, and the confidence in its label that follows from
it."""

import polars as pl

from filters.pairing import mean_scores


def margins(pairs: pl.DataFrame, values: pl.DataFrame) -> pl.Series:
    """The value of the chosen side minus that of the rejected side, in the order of the pairs.

    Args:
        pairs: rows of `schemas.Pairs`.
        values: one row per response, with ``response_id`` and ``value``.

    Returns:
        Float64[pairs], null if a side has no value.
    """
    # One join for both sides, so that the values (there may be a million) are indexed once.
    sides = pl.concat([pairs["chosen_id"], pairs["rejected_id"]]).rename("response_id").to_frame()
    joined = sides.join(
        values.select("response_id", "value"),
        on="response_id",
        how="left",
        maintain_order="left",
    )["value"]
    chosen, rejected = joined.head(pairs.height), joined.tail(pairs.height)
    return chosen - rejected


def standard_margins(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.Series:
    """`margins` in standard deviations of all responses that the stage scored, so that stages with
    different scales can be compared; 0 if the stage gives all responses the same score."""
    values = mean_scores(scores)
    spread = deviation(values)
    margin = margins(pairs, values)
    return margin / spread if spread else margin * 0.0


def deviation(values: pl.DataFrame) -> float | None:
    """The standard deviation of the ``value`` of all responses; None if there are none."""
    # Sorted, so that the order of the rows does not change the last digits.
    spread = values["value"].drop_nulls().sort().std(ddof=0)
    return spread if isinstance(spread, float) else None


def probability(margin: pl.Expr) -> pl.Expr:
    """σ(``margin``), in [0, 1]: the probability that the chosen side is the better one (Bradley &
    Terry 1952)."""
    return ((-margin).exp() + 1).pow(-1)


def entropy(p: pl.Expr) -> pl.Expr:
    """The entropy in bits of an event with probability ``p``: 0 for p = 0 or 1, 1 for p = 1/2."""
    yes, no = (pl.when(q == 0).then(0.0).otherwise(-q * q.log(2)) for q in (p, 1 - p))
    return yes + no
