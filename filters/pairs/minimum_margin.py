"""Pairs with a sufficient margin."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.confidence.margins import margins
from filters.filter import Filter, refused
from filters.pairing import mean_scores
from schemas import Pairs, Scores, Split, Table, Takes


class MinimumMargin(Filter):
    """Keeps the pairs whose margin is at least ``at_least``: their own margin or, if ``by`` names a
    stage of scores, the difference of the scores of the sides.

    A pair without a margin is dropped. Kept pairs are not changed.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"
    one_prompt: ClassVar[bool] = True
    one_row: ClassVar[bool] = True

    of: Annotated[str, Takes(Pairs)]
    at_least: float
    by: Annotated[str | None, Takes(Scores)] = None

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = tables[self.of]
        values = (
            pairs["margin"] if self.by is None else margins(pairs, mean_scores(tables[self.by]))
        )
        judged = pairs.select("pair_id", values.alias("margin")).with_columns(
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
