"""Decisions of people in ``factory review``, as scores of responses."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.operators.reviews import PERSON, reviews
from schemas import Operator, Responses, Scores, Split, Table, Takes, columns, dropped


class Reviewed(Operator):
    """Scores by people who reviewed pairs. Each person is an annotator (``person:ann``). The score
    of a response is the share of its pairs in which it was preferred; a pair of two equally good
    responses counts half. Calls no model.

    ``reviewers``: names of people; all if null. A response whose pairs were all rejected has an
    error instead of a value. A response that nobody reviewed, or whose pairs were all skipped, is
    dropped. Before the first review
    there are no scores, which is not an error.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    reviewers: tuple[str, ...] | None = None

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The scores, in the order of the responses."""
        responses = tables[self.of].select("response_id")
        decisions = reviews(context)
        if self.reviewers is not None:
            names = [f"{PERSON}{name}" for name in self.reviewers]
            decisions = decisions.filter(pl.col("annotator").is_in(names))
        origin = pl.col("origin").struct
        parents = origin.field("parents").explode().unique(maintain_order=True).implode()
        by_person = decisions.group_by("response_id", "annotator", maintain_order=True).agg(
            value=pl.col("value").mean(),
            raw=pl.col("raw").str.join("; "),
            origin=pl.struct(
                operator=pl.lit("annotators.Reviewed"),
                model=pl.lit(None, pl.String),
                parameters=pl.lit("{}"),
                seed=pl.lit(None, pl.UInt64),
                parents=parents,
            ).first(),
        )
        scores = responses.join(by_person, on="response_id", maintain_order="left_right").select(
            "response_id",
            pl.lit(None, pl.Int32).alias("step"),
            "annotator",
            "value",
            "raw",
            error=pl.when(pl.col("value").is_null()).then(pl.lit("its pairs were rejected")),
            mass=pl.lit(None, pl.Float64),
            origin="origin",
        )
        unseen = responses.join(by_person, on="response_id", how="anti", maintain_order="left")
        lost = dropped(context.stage, "not reviewed", unseen["response_id"].to_list())
        return Split(scores.cast(columns(Scores)), lost)
