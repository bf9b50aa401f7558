"""Solutions on whose first wrong step two sources agree."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused_by_reason
from schemas import Scores, Split, StepLabels, Table, Takes

NONE = -1


class ConsensusSteps(Filter):
    """Keeps the labelled solutions whose first wrong step is the one that ``by`` names too, or of
    which both say that no step is wrong.

    ``by`` has the index as its score of the response as a whole, −1 for none
    (`annotators.FirstError` by a judge, where the labels are by rollouts). Where it has none that
    could be read, or several that differ, the solution is dropped: nobody agreed.

    Source: Zhang et al. 2025, The Lessons of Developing Process Reward Models (arXiv:2501.07301),
    section 3.1: Monte Carlo estimates and a judge, who must agree on where the error is.
    """

    gives: ClassVar[type[Table] | None] = StepLabels
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(StepLabels)]
    by: Annotated[str, Takes(Scores)]

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        labels = tables[self.of]
        read = pl.col("value").drop_nulls()
        named = (
            tables[self.by]
            .filter(pl.col("step").is_null())
            .group_by("response_id")
            .agg(
                theirs=pl.when(read.n_unique() == 1).then(read.first()),
                scored=read.len(),
                errors=pl.col("error").count(),
            )
        )
        judged = labels.join(
            named, on="response_id", how="left", maintain_order="left"
        ).with_columns(
            pl.col("scored", "errors").fill_null(0),
            ours=pl.col("first_error").fill_null(NONE),
        )
        reason = (
            pl.when((pl.col("scored") == 0) & (pl.col("errors") > 0))
            .then(pl.lit("score is an error"))
            .when(pl.col("scored") == 0)
            .then(pl.lit("no score"))
            .when(pl.col("theirs").is_null())
            .then(pl.lit("opinions differ"))
            .when(pl.col("theirs") != pl.col("ours"))
            .then(pl.lit("no agreement on the first error"))
        )
        judged = judged.with_columns(reason=reason)
        return Split(
            judged.filter(pl.col("reason").is_null()).select(labels.columns),
            refused_by_reason(judged, "response_id", "ours", "theirs", "errors"),
        )
