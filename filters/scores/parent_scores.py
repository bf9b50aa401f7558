"""Scores of texts, as scores of the responses that the texts were made from."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused
from schemas import Responses, Scores, Split, Table, Takes, canonical, columns


class ParentScores(Filter):
    """Scores each response by the mean score of the texts of stage ``texts`` that were made from it
    (`generators.Rewrite`), one score an annotator of stage ``by``. So a response is judged by what
    follows from it: a consequence, an explanation, a revision.

    Only scores of whole texts are read; errors are left out of a mean. A response is dropped if no
    text was made from it, or none that has a score. The parents of a score are these texts.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    texts: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        parents = pl.col("origin").struct.field("parents")
        derived = tables[self.texts].select(text_id="response_id", response_id=parents)
        derived = tables[self.of].join(
            derived.explode("response_id"),
            on="response_id",
            how="left",
            maintain_order="left_right",
        )
        valid = tables[self.by].filter(pl.col("step").is_null() & pl.col("value").is_not_null())
        scores = derived.select("response_id", "text_id").join(
            valid.select("annotator", "value", "mass", text_id="response_id"),
            on="text_id",
            maintain_order="left_right",
        )
        kept = (
            scores.group_by("response_id", "annotator", maintain_order=True)
            .agg(
                # Sorted, so that the order of the rows does not change the last digits.
                pl.col("value").sort().mean().round_sig_figs(12),
                pl.col("mass").min(),
                parents=pl.col("text_id"),
            )
            .select(
                "response_id",
                "annotator",
                "value",
                "mass",
                step=pl.lit(None),
                raw=pl.lit(None),
                error=pl.lit(None),
                origin=pl.struct(
                    operator=pl.lit("filters.ParentScores"),
                    model=pl.lit(None, pl.String),
                    parameters=pl.lit(canonical({})),
                    seed=pl.lit(None, pl.UInt64),
                    parents="parents",
                ),
            )
            .select(columns(Scores).names())
            .cast(columns(Scores))
        )
        lost = derived.join(kept, on="response_id", how="anti", maintain_order="left")
        lost = lost.group_by("response_id", maintain_order=True).agg(pl.col("text_id").count())
        reason = (
            pl.when(pl.col("text_id") == 0)
            .then(pl.lit("no text was made from it"))
            .otherwise(pl.lit("no text that was made from it has a score"))
        )
        return Split(kept, refused(lost, "response_id", reason))
