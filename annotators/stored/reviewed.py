"""What people decided in ``factory review``, as scores of responses."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.operators.reviews import PERSON, reviews
from schemas import Operator, Responses, Scores, Split, Table, Takes, columns, dropped


class Reviewed(Operator):
    """How people who reviewed pairs judge these responses, each person an annotator of their own
    (``person:ann``): the share of a response's pairs in which it was found the better one. Calls no
    model.

    ``reviewers`` are names of people, or all. A response of pairs that were rejected only has no
    value, and an error that says so; one that none of them has seen is dropped. Before anybody has
    reviewed anything there are no scores, and that is no failure.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    reviewers: tuple[str, ...] | None = None

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The scores, in the order of the responses."""
        asked = tables[self.of].select("response_id")
        said = reviews(context)
        if self.reviewers is not None:
            names = [f"{PERSON}{name}" for name in self.reviewers]
            said = said.filter(pl.col("annotator").is_in(names))
        origin = pl.col("origin").struct
        parents = origin.field("parents").explode().unique(maintain_order=True).implode()
        told = said.group_by("response_id", "annotator", maintain_order=True).agg(
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
        scores = asked.join(told, on="response_id", maintain_order="left_right").select(
            "response_id",
            pl.lit(None, pl.Int32).alias("step"),
            "annotator",
            "value",
            "raw",
            error=pl.when(pl.col("value").is_null()).then(pl.lit("its pairs were rejected")),
            origin="origin",
        )
        unseen = asked.join(told, on="response_id", how="anti", maintain_order="left")
        refused = dropped(context.stage, "not reviewed", unseen["response_id"].to_list())
        return Split(scores.cast(columns(Scores)), refused)
