"""What a step is worth, and whether it is right, by the values of the prefixes before and after it.

Every rule is a pure function of the values, for all solutions at once. The frames have one row a
step: ``place`` (which solution), ``step`` (from 0, in order), ``value`` of the prefix that ends
with it and ``before``, that of the prefix before it (both null where not known).
"""

from typing import Literal

import polars as pl

Rule = Literal["hard", "soft", "logmeanexp", "optimal", "advantage", "progress", "first_error"]
After = Literal["keep", "null", "wrong"]


def judged(steps: pl.DataFrame, rule: Rule, *, threshold: float, eta: float) -> pl.DataFrame:
    """``steps`` with ``label`` (bool) and ``worth``, by the table of `filters.LabelSteps`.

    Rule ``first_error`` reads ``first``, the index of the first wrong step, −1 for none.
    """
    value = pl.col("value")
    label = value > threshold
    worth: pl.Expr = value
    if rule == "logmeanexp":
        worth = (1 - value + value * pl.lit(eta).exp()).log() / eta
        label = worth > threshold
    elif rule == "optimal":
        later = label.fill_null(False).cum_max(reverse=True).over("place")
        label = pl.when(later).then(True).when(value.is_not_null()).then(False)
    elif rule in ("advantage", "progress"):
        worth = value - pl.col("before")
        label = worth >= threshold
    elif rule == "first_error":
        first, step = pl.col("first"), pl.col("step")
        right = pl.when((first < 0) | (step < first)).then(True).when(step == first).then(False)
        label = pl.when(first.is_not_null()).then(right.otherwise(label))
    if rule in ("hard", "optimal", "first_error"):
        worth = label.cast(pl.Float64)
    return steps.with_columns(label.alias("label"), worth.alias("worth"))


def settled(steps: pl.DataFrame, after: After) -> pl.DataFrame:
    """``steps`` with ``first_error``, the index of the solution's first step that is labelled wrong
    (null where none is), and what comes after it kept, unknown, or labelled wrong too and worth 0.
    """
    wrong = pl.col("step").filter(pl.col("label").eq(False)).min().over("place")
    steps = steps.with_columns(first_error=wrong.cast(pl.Int32))
    if after == "keep":
        return steps
    beyond = (pl.col("step") > pl.col("first_error")).fill_null(False)
    label, worth = (None, None) if after == "null" else (False, 0.0)
    return steps.with_columns(
        label=pl.when(beyond).then(pl.lit(label, pl.Boolean)).otherwise("label"),
        worth=pl.when(beyond).then(pl.lit(worth, pl.Float64)).otherwise("worth"),
    )
