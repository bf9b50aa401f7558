"""Exchanges the sides of pairs."""

import polars as pl


def turned_where(pairs: pl.DataFrame, turned: pl.Series) -> pl.DataFrame:
    """``pairs`` (`schemas.Pairs`) with chosen and rejected exchanged where ``turned`` (Bool[pairs])
    is true.

    The sign of the margin changes too. ``pair_id`` stays the same.
    """
    exchange = pl.lit(turned)
    swapped = [
        pl.when(exchange).then(pl.col(other)).otherwise(pl.col(side)).alias(side)
        for suffix in ("", "_id")
        for side, other in (
            (f"chosen{suffix}", f"rejected{suffix}"),
            (f"rejected{suffix}", f"chosen{suffix}"),
        )
    ]
    exchanged = [
        pl.when(exchange & sides.is_not_null())
        .then(
            pl.struct(chosen=sides.struct.field("rejected"), rejected=sides.struct.field("chosen"))
        )
        .otherwise(sides)
        .alias(column)
        for column, sides in ((name, pl.col(name)) for name in ("token_weights", "ends"))
    ]
    return pairs.with_columns(
        *swapped,
        *exchanged,
        margin=pl.when(exchange).then(-pl.col("margin")).otherwise(pl.col("margin")),
    )
