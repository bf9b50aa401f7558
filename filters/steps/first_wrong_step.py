"""The first step of a solution that does not look right."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter
from filters.steps.response_scores import response_scores
from schemas import Scores, Split, Table, Takes


class FirstWrongStep(Filter):
    """Scores a response by the index of its first step whose score is below ``below``, −1 if there
    is none. So a trained reward of steps (`annotators.ProcessReward`) says where a solution went
    wrong, as `annotators.FirstError` does with rollouts.

    Scores of the whole and of the prompt (step −1) are not read. A response is dropped if a step
    has no score, several, or an error. Annotators keep their names.

    Source: Havrilla et al. 2024, GLoRe (arXiv:2402.10963): where a solution is refined locally.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Scores)]
    below: float = 0.5

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        step = pl.col("step").filter(pl.col("step") >= 0)
        labelled = (
            tables[self.of]
            .group_by("response_id", "annotator", maintain_order=True)
            .agg(
                values=pl.col("value").filter(pl.col("step") >= 0).sort_by(step),
                steps=step.sort(),
                origin=pl.col("origin").sort_by("step", nulls_last=True).first(),
            )
            .with_columns(wrong=pl.col("values").list.eval(pl.element() < self.below))
        )
        counted = pl.int_ranges(0, pl.col("steps").list.len(), dtype=pl.Int32)
        judged = labelled.with_columns(
            value=pl.when(pl.col("wrong").list.any())
            .then(pl.col("wrong").list.arg_max())
            .otherwise(-1)
            .cast(pl.Float64),
            reason=pl.when((pl.col("steps").list.len() == 0) | (pl.col("steps") != counted))
            .then(pl.lit("not every step has one score"))
            .when(pl.col("values").list.eval(pl.element().is_null()).list.any())
            .then(pl.lit("a step's score is an error")),
        )
        return response_scores(judged, steps=pl.col("steps").list.len())
