"""Pairs whose sides are far enough apart."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.confidence.margins import margins
from filters.filter import Filter, refused
from filters.pairing import mean_scores
from schemas import Pairs, Scores, Split, Table, Takes


class MinimumMargin(Filter):
    """Keeps the pairs whose margin is ``at_least`` so large: the one they came with or, if ``by``
    names a stage of scores, the chosen side's score there less the rejected side's.

    A pair without a margin is dropped, never counted as 0. Kept pairs are left as they are.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"

    of: Annotated[str, Takes(Pairs)]
    at_least: float
    by: Annotated[str | None, Takes(Scores)] = None

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = tables[self.of]
        found = pairs["margin"] if self.by is None else margins(pairs, mean_scores(tables[self.by]))
        judged = pairs.select("pair_id", found.alias("margin")).with_columns(
            reason=pl.when(pl.col("margin").is_null())
            .then(pl.lit("no margin"))
            .when(pl.col("margin") < self.at_least)
            .then(pl.lit("margin below at_least"))
        )
        kept = judged["reason"].is_null()
        return Split(
            pairs.filter(kept),
            refused(judged.filter(~kept), "pair_id", pl.col("reason"), margin=pl.col("margin")),
        )
