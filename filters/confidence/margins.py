"""How much better the chosen side of a pair is than the rejected in the eyes of a stage of scores,
and how sure that makes us of the pair's label."""

import polars as pl

from filters.pairing import mean_scores


def margins(pairs: pl.DataFrame, values: pl.DataFrame) -> pl.Series:
    """Value of the chosen side less that of the rejected, Float64[pairs], in the pairs' order.

    ``values`` has one row a response: ``response_id`` and ``value``. Null where a side has none.
    """
    # Both sides at once: the values, of which there may be a million, are indexed only once.
    sides = pl.concat([pairs["chosen_id"], pairs["rejected_id"]]).rename("response_id").to_frame()
    found = sides.join(
        values.select("response_id", "value"),
        on="response_id",
        how="left",
        maintain_order="left",
    )["value"]
    chosen, rejected = found.head(pairs.height), found.tail(pairs.height)
    return chosen - rejected


def standard_margins(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.Series:
    """`margins` in standard deviations of all responses that the stage scored, so that stages on
    different scales can be compared; 0 where the stage tells no response from another."""
    values = mean_scores(scores)
    spread = values["value"].drop_nulls().sort().std(ddof=0)
    apart = margins(pairs, values)
    return apart / spread if spread else apart * 0.0


def probability(margin: pl.Expr) -> pl.Expr:
    """σ(``margin``): that the chosen side is the better one (Bradley & Terry 1952), in [0, 1]."""
    return ((-margin).exp() + 1).pow(-1)


def entropy(p: pl.Expr) -> pl.Expr:
    """Of a yes that has probability ``p``, in bits: 0 where p is 0 or 1, 1 where it is one half."""
    yes, no = (pl.when(q == 0).then(0.0).otherwise(-q * q.log(2)) for q in (p, 1 - p))
    return yes + no
