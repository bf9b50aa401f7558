"""Solutions on whose first wrong step two sources agree."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused_by_reason
from schemas import Scores, Split, StepLabels, Table, Takes

NONE = -1


class ConsensusSteps(Filter):
    """Keeps the labelled solutions whose first wrong step is the one that ``by`` names too, or in
    which both find no wrong step.

    The score of the whole response by ``by`` is the index, −1 for none (for example
    `annotators.FirstError` by a judge, with labels from rollouts). A solution without a valid
    index, or with different ones, is dropped.

    Source: Zhang et al. 2025, The Lessons of Developing Process Reward Models (arXiv:2501.07301),
    section 3.1: Monte Carlo estimates and a judge must agree on the position of the error.
    """

    gives: ClassVar[type[Table] | None] = StepLabels
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(StepLabels)]
    by: Annotated[str, Takes(Scores)]

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        labels = tables[self.of]
        indices = pl.col("value").drop_nulls()
        votes = (
            tables[self.by]
            .filter(pl.col("step").is_null())
            .group_by("response_id")
            .agg(
                theirs=pl.when(indices.n_unique() == 1).then(indices.first()),
                scored=indices.len(),
                errors=pl.col("error").count(),
            )
        )
        judged = labels.join(
            votes, on="response_id", how="left", maintain_order="left"
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
