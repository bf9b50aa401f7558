"""The rows of one of several equal parts of the prompts."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.filter import Filter, refused_by_reason
from filters.pairing import tie_break
from schemas import Demonstrations, Pairs, Prompts, Responses, Split, Table, Takes, id_column


class Fold(Filter):
    """Keeps the rows whose prompts are in part ``fold`` of ``folds`` equal parts of ``prompts``.

    The parts are drawn at random, and are the same for all stages with the same ``prompts`` and
    ``seed``. So a model can be trained on one part and score the others (cross-fitting, as in
    Chernozhukov et al. 2018, arXiv:1608.00060): it has seen none of what it scores. Questions to a
    judge about one task, such as both orders of a pair, are in one part. A row whose prompt is not
    in ``prompts`` is dropped.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Prompts, Responses, Pairs, Demonstrations)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    fold: int = Field(ge=1)
    folds: int = Field(default=2, ge=2)
    seed: int = 0

    @model_validator(mode="after")
    def _one_of_them(self) -> "Fold":
        if self.fold > self.folds:
            raise ValueError(f"there is no fold {self.fold} of {self.folds}: the first is 1")
        return self

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        rows = tables[self.of]
        about = pl.coalesce("task", "prompt_id").alias("task")
        prompts = tables[self.prompts].select("prompt_id", about)
        place = tie_break("task", self.seed).rank("dense")
        parts = prompts.select("prompt_id", fold=(place - 1) % self.folds + 1)
        judged = rows.join(parts, on="prompt_id", how="left", maintain_order="left").with_columns(
            reason=pl.when(pl.col("fold").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("fold") != self.fold)
            .then(pl.lit("in another fold"))
        )
        return Split(
            judged.filter(pl.col("reason").is_null()).select(rows.columns),
            refused_by_reason(judged, id_column(table), "fold"),
        )
