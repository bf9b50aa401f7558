"""Turning the label of a pair round."""

import polars as pl


def turned_where(pairs: pl.DataFrame, turned: pl.Series) -> pl.DataFrame:
    """``pairs`` (`schemas.Pairs`) with chosen and rejected exchanged where ``turned``: Bool[pairs].

    The margin changes its sign with them. ``pair_id`` stays: it is the same pair that came in.
    """
    here = pl.lit(turned)
    swapped = [
        pl.when(here).then(pl.col(other)).otherwise(pl.col(side)).alias(side)
        for suffix in ("", "_id")
        for side, other in (
            (f"chosen{suffix}", f"rejected{suffix}"),
            (f"rejected{suffix}", f"chosen{suffix}"),
        )
    ]
    exchanged = [
        pl.when(here & told.is_not_null())
        .then(pl.struct(chosen=told.struct.field("rejected"), rejected=told.struct.field("chosen")))
        .otherwise(told)
        .alias(column)
        for column, told in ((name, pl.col(name)) for name in ("token_weights", "ends"))
    ]
    return pairs.with_columns(
        *swapped,
        *exchanged,
        margin=pl.when(here).then(-pl.col("margin")).otherwise(pl.col("margin")),
    )
