"""Removes the bias of pairs towards longer responses."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.filter import Filter, refused
from filters.pairing import tie_break
from schemas import Findings, Pairs, Split, StageReport, Table, Takes, contents

PER_STRATUM = 20
"""The smallest number of pairs of different lengths in a stratum."""


class LengthBias(Filter):
    """Makes the length of a side independent of whether it was chosen. Lengths are in characters.

    In this order:

    - ``max_ratio``: drops pairs whose longer side is more than so many times as long as the other.
    - ``debias``: the margin m becomes m − b·d. d is the length of the chosen side minus that of the
      rejected one, and b = Σ m·d / Σ d². b is the slope of the score on length by least squares,
      with a separate mean for each pair. A pair whose new margin is not above 0 is dropped, because
      length explains its margin. A pair without a margin is not changed.
    - ``balance``: drops pairs with a longer chosen side, at random and as few as possible, until
      they are at most ``0.5 + tolerance`` of the pairs whose sides differ in length. This is done
      in each of ``strata`` equal parts by |d|, so that large differences have no more bias than
      small ones. There are fewer strata if one would have less than 20 pairs.

    Every dropped row, and the findings, have the share of pairs with a longer chosen side before
    and after.

    Source: subsampling to equal numbers follows the length balancing of Singhal et al. 2023, A Long
    Way to Go (arXiv:2310.03716). Removing the effect of length by regression follows Dubois et al.
    2024, Length-Controlled AlpacaEval (arXiv:2404.04475), which uses a logistic one.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"

    of: Annotated[str, Takes(Pairs)]
    balance: bool = True
    tolerance: float = Field(default=0.0, ge=0, lt=0.5)
    strata: int = Field(default=4, ge=1)
    max_ratio: float | None = Field(default=None, ge=1)
    debias: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _does_something(self) -> "LengthBias":
        if not self.balance and self.max_ratio is None and not self.debias:
            raise ValueError("LengthBias needs 'balance', 'max_ratio' or 'debias'")
        return self

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any = None) -> Split:
        split = super().run(tables, context)
        findings: Findings = {
            "chosen longer before": longer_share(tables[self.of]),
            "chosen longer after": longer_share(split.kept),
        }
        return split.with_report(StageReport(findings=findings))

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        frame = tables[self.of]
        judged = frame.select(
            "pair_id",
            "margin",
            *_lengths(),
            tie_break=tie_break("pair_id", self.seed),
            debiased=pl.col("margin"),
            reason=pl.lit(None, pl.String),
        ).with_columns(difference=pl.col("chosen_length") - pl.col("rejected_length"))
        if self.max_ratio is not None:
            longer = pl.max_horizontal("chosen_length", "rejected_length")
            shorter = pl.min_horizontal("chosen_length", "rejected_length")
            judged = _refuse(judged, longer > self.max_ratio * shorter, "one side far longer")
        if self.debias:
            judged = self._debiased(judged)
        if self.balance:
            judged = self._balanced(judged)
        kept = judged["reason"].is_null()
        numbers = ["chosen_length", "rejected_length"]
        numbers += ["margin", "debiased"] if self.debias else []
        return Split(
            frame.with_columns(margin=judged["debiased"]).filter(kept),
            refused(
                judged.filter(~kept),
                "pair_id",
                pl.col("reason"),
                chosen_longer_before=pl.lit(longer_share(frame), pl.Float64),
                chosen_longer_after=pl.lit(longer_share(frame.filter(kept)), pl.Float64),
                **{name: pl.col(name) for name in numbers},
            ),
        )

    def _debiased(self, judged: pl.DataFrame) -> pl.DataFrame:
        measured = judged.filter(pl.col("reason").is_null() & pl.col("margin").is_not_null())
        if judged.height and judged["margin"].is_null().all():
            raise ValueError(
                f"LengthBias of {self.of!r}: no pair has a margin to debias; make pairs from "
                "scores (filters.BestWorst) or leave 'debias' out"
            )
        slope = length_slope(measured["margin"], measured["difference"])
        judged = judged.with_columns(debiased=pl.col("margin") - slope * pl.col("difference"))
        return _refuse(judged, pl.col("debiased") <= 0, "length explains the margin")

    def _balanced(self, judged: pl.DataFrame) -> pl.DataFrame:
        differ = judged.filter(pl.col("reason").is_null() & (pl.col("difference") != 0))
        strata = min(self.strata, max(1, differ.height // PER_STRATUM))
        place = pl.col("difference").abs().rank("min") - 1
        longer = pl.col("difference") > 0
        share = 0.5 + self.tolerance
        # L longer ones among S shorter ones have at most the share s if L ≤ S · s / (1 - s).
        allowed = ((~longer).sum() * (share / (1 - share)) + 1e-9).floor()
        over = (
            differ.with_columns(stratum=(place.cast(pl.Int64) * strata) // pl.len())
            .with_columns(allowed=allowed.over("stratum"))
            .filter(longer)
            .filter(pl.col("tie_break").rank("ordinal").over("stratum") > pl.col("allowed"))
        )
        return _refuse(
            judged, pl.col("pair_id").is_in(over["pair_id"].implode()), "chosen longer too often"
        )


def longer_share(pairs: pl.DataFrame) -> float | None:
    """The share of pairs with a longer chosen side, among pairs whose sides differ in length; None
    if there are none."""
    difference = pairs.select(*_lengths()).select(
        pl.col("chosen_length") - pl.col("rejected_length")
    )
    differ = difference.to_series().filter(difference.to_series() != 0)
    return float((differ > 0).sum() / len(differ)) if len(differ) else None


def length_slope(margins: pl.Series, differences: pl.Series) -> float:
    """b = Σ m·d / Σ d², in margin per character; 0 if no pair differs in length."""
    # fsum is exact, so the order of rows does not matter.
    squares = math.fsum((differences * differences).to_list())
    return math.fsum((margins * differences).to_list()) / squares if squares else 0.0


def _lengths() -> list[pl.Expr]:
    return [
        contents(pl.col(side)).str.len_chars().cast(pl.Int64).alias(f"{side}_length")
        for side in ("chosen", "rejected")
    ]


def _refuse(judged: pl.DataFrame, condition: pl.Expr, reason: str) -> pl.DataFrame:
    """``judged`` with ``reason`` for rows without a reason for which ``condition`` is true."""
    refusal = pl.when(condition).then(pl.lit(reason))
    return judged.with_columns(reason=pl.coalesce("reason", refusal))
