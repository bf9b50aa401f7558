"""Responses with scores within bounds."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import model_validator

from filters.filter import Filter, refused
from filters.pairing import scored
from schemas import Responses, Scores, Split, Table, Takes


class Threshold(Filter):
    """Keeps the responses whose score (the mean score of stage ``by``) is at least ``at_least`` and
    at most ``at_most``. A response without a valid score is dropped."""

    gives: ClassVar[type[Table] | None] = Responses
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Threshold":
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise ValueError("Threshold needs 'at_least', 'at_most' or both")
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"no score is at least {low} and at most {high}: 'at_least' must not be above "
                "'at_most'"
            )
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        responses = tables[self.of]
        value = pl.col("value")
        judged = scored(responses, tables[self.by]).with_columns(
            reason=pl.when(value.is_null() & (pl.col("errors") > 0))
            .then(pl.lit("score is an error"))
            .when(value.is_null())
            .then(pl.lit("no score"))
            .when(value < (self.at_least if self.at_least is not None else float("-inf")))
            .then(pl.lit("below at_least"))
            .when(value > (self.at_most if self.at_most is not None else float("inf")))
            .then(pl.lit("above at_most"))
        )
        return Split(
            judged.filter(pl.col("reason").is_null()).select(responses.columns),
            refused(
                judged.filter(pl.col("reason").is_not_null()),
                "response_id",
                pl.col("reason"),
                value=value,
                errors=pl.col("errors"),
            ),
        )
