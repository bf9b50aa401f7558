"""The worth of a step, and whether it is right, by the values of the prefixes before and after it.

Every rule is a pure function of the values, for all solutions at once. The frames have one row per
step: ``place`` (the solution), ``step`` (from 0, in order), ``value`` of the prefix that ends with
it, and ``before``, the value of the prefix before it (both null if unknown).
"""

from typing import Literal

import polars as pl

Rule = Literal[
    "hard", "soft", "signed", "logmeanexp", "optimal", "advantage", "progress", "first_error"
]
After = Literal["keep", "null", "wrong"]


def judged(steps: pl.DataFrame, rule: Rule, *, threshold: float, eta: float) -> pl.DataFrame:
    """``steps`` with ``label`` (bool) and ``worth``, by the table of `filters.LabelSteps`.

    Rule ``first_error`` uses ``first``, the index of the first wrong step, −1 for none.
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
    if rule == "signed":
        worth = pl.when(label).then(1.0).when(label.is_not_null()).then(-1.0)
    elif rule in ("hard", "optimal", "first_error"):
        worth = label.cast(pl.Float64)
    return steps.with_columns(label.alias("label"), worth.alias("worth"))


def settled(steps: pl.DataFrame, rule: Rule, after: After) -> pl.DataFrame:
    """``steps`` with ``first_error``, the index of the first step of the solution that is labelled
    wrong (null if none). Later steps keep their labels, lose them, or are labelled wrong with a
    worth of 0, of rule ``signed`` −1."""
    wrong = pl.col("step").filter(pl.col("label").eq(False)).min().over("place")
    steps = steps.with_columns(first_error=wrong.cast(pl.Int32))
    if after == "keep":
        return steps
    is_after = (pl.col("step") > pl.col("first_error")).fill_null(False)
    least = -1.0 if rule == "signed" else 0.0
    label, worth = (None, None) if after == "null" else (False, least)
    return steps.with_columns(
        label=pl.when(is_after).then(pl.lit(label, pl.Boolean)).otherwise("label"),
        worth=pl.when(is_after).then(pl.lit(worth, pl.Float64)).otherwise("worth"),
    )
