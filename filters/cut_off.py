"""Answers that were cut off at their limit of tokens, in pairs and demonstrations.

Such an answer has no end, so it is never trained with an end of the turn (column ``ends``).
"""

from typing import Literal

import polars as pl

CutAnswer = Literal["refuse", "keep"]
"""What becomes of an answer to imitate that was cut off, which is the chosen side of a pair or a
demonstration: it is dropped with a reason, or kept without an end. A rejected side that was cut off
is always kept, without an end."""

ANSWER = ("text", "turns", "finish", "tokens")
"""The columns of a response that its side of a pair has, each with the side before its name."""


def cut_refusal(cut: CutAnswer, side: str = "") -> pl.Expr:
    """The reason to drop a row whose answer was cut off, by ``{side}finish`` and ``{side}tokens``;
    null if it is kept."""
    if cut == "keep":
        return pl.lit(None, pl.String)
    subject = "the answer" if not side else f"the {side.removesuffix('_')} answer"
    tokens = pl.col(f"{side}tokens").map_elements(lambda n: f"{n:,}", return_dtype=pl.String)
    return pl.when(pl.col(f"{side}finish") == "length").then(
        pl.format(f"{subject} was cut off at {{}} tokens", tokens)
    )


def turned_refusal(cut: CutAnswer, turned: pl.Expr) -> pl.Expr:
    """The reason to drop a pair (`schemas.Pairs`) if exchanging its sides, where ``turned``, would
    choose an answer that was cut off; null if it is kept. A step (``shared_prefix``) that does not
    end its answer was not cut off."""
    if cut == "keep":
        return pl.lit(None, pl.String)
    unended = ~pl.col("ends").struct.field("rejected").fill_null(value=True)
    return pl.when(turned & unended & pl.col("shared_prefix").is_null()).then(
        pl.lit("the answer that would be chosen was cut off")
    )


def is_complete(finish: str = "finish") -> pl.Expr:
    """Whether an answer was not cut off, by its column ``finish``. An unknown finish counts as
    complete."""
    return pl.col(finish).cast(pl.String).ne_missing("length")


def ends_of_sides() -> pl.Expr:
    """`schemas.Pairs.ends` of two answers, by ``chosen_finish`` and ``rejected_finish``."""
    chosen, rejected = is_complete("chosen_finish"), is_complete("rejected_finish")
    ends = pl.struct(chosen=chosen, rejected=rejected)
    return pl.when(~(chosen & rejected)).then(ends).alias("ends")


def end_of_answer() -> pl.Expr:
    """`schemas.Demonstrations.ends` of an answer, by ``finish``."""
    return pl.when(~is_complete()).then(pl.lit(value=False)).alias("ends")
