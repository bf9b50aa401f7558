"""What scores of several annotators, each a column, are made into."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

Spread = Literal["variance", "deviation"]


def standardised(column: pl.Expr, within: str | None) -> pl.Expr:
    """``column`` less its mean, divided by its standard deviation; 0 where all values are equal.
    With ``within``, over the rows with the same value of that column."""
    # Sorted, so that the order of the rows does not change the last digits.
    values = column.sort()
    figures = (values.mean(), values.std(ddof=0), values.min() < values.max())
    mean, deviation, differ = (
        figures if within is None else (figure.over(within) for figure in figures)
    )
    return pl.when(differ).then((column - mean) / deviation).otherwise(0.0)


def weighted(columns: Sequence[pl.Expr], weights: Sequence[float]) -> pl.Expr:
    """The sum of the columns, each times its weight."""
    return pl.sum_horizontal(w * column for w, column in zip(weights, columns, strict=True))


def spread(columns: Sequence[pl.Expr], kind: Spread) -> pl.Expr:
    """The variance of a row's values, or its root: over their number k, not k − 1."""
    mean = pl.mean_horizontal(columns)
    variance = pl.mean_horizontal((column - mean) ** 2 for column in columns)
    return variance if kind == "variance" else variance.sqrt()
