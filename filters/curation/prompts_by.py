"""Prompts chosen by what their responses came to."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.filter import Filter, refused
from filters.pairing import scored, tie_break
from schemas import Prompts, Responses, Scores, Split, Table, Takes


class PromptsBy(Filter):
    """Keeps the prompts whose value is at least ``at_least`` and at most ``at_most``, and with
    ``lowest`` only so many of these, those of the lowest value.

    The value of a prompt is the mean score of its ``responses`` by the stage ``by``: with scores of
    1 for right and 0 for wrong it is the pass rate. A response whose score is an error does not
    count, and a prompt without any score is dropped. Equal values are ordered by lot (``seed``).

    Hard prompts that are solved at times are what AutoMathCritique (Xi et al. 2024,
    arXiv:2411.16579) and reinforcement learning learn most from.
    """

    gives: ClassVar[type[Table] | None] = Prompts
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Prompts)] = "prompts"
    responses: Annotated[str, Takes(Responses)] = "responses"
    by: Annotated[str, Takes(Scores)]
    at_least: float | None = None
    at_most: float | None = None
    lowest: int | None = Field(default=None, ge=1)
    seed: int = 0

    @property
    def by_prompt(self) -> bool:
        """Which are the lowest depends on all prompts."""
        return self.lowest is None

    @model_validator(mode="after")
    def _bounded(self) -> "PromptsBy":
        if self.at_least is None and self.at_most is None and self.lowest is None:
            raise ValueError("PromptsBy needs 'at_least', 'at_most' or 'lowest'")
        least, most = self.at_least, self.at_most
        if least is not None and most is not None and least > most:
            raise ValueError(
                f"no value is at least {self.at_least} and at most {self.at_most}: 'at_least' must "
                "not be above 'at_most'"
            )
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        prompts = tables[self.of]
        values = (
            scored(tables[self.responses].select("response_id", "prompt_id"), tables[self.by])
            .group_by("prompt_id")
            .agg(value=pl.col("value").mean(), scored=pl.col("value").count())
        )
        value = pl.col("value")
        judged = prompts.join(values, on="prompt_id", how="left", maintain_order="left")
        judged = judged.with_columns(
            reason=pl.when(value.is_null())
            .then(pl.lit("no response has a score"))
            .when(value < (float("-inf") if self.at_least is None else self.at_least))
            .then(pl.lit("below at_least"))
            .when(value > (float("inf") if self.at_most is None else self.at_most))
            .then(pl.lit("above at_most"))
        )
        if self.lowest is not None:
            fits = judged.filter(pl.col("reason").is_null())
            fits = fits.with_columns(tie=tie_break("prompt_id", self.seed)).sort("value", "tie")
            others = fits["prompt_id"][self.lowest :].implode()
            judged = judged.with_columns(
                reason=pl.when(pl.col("prompt_id").is_in(others))
                .then(pl.lit("not among the lowest"))
                .otherwise("reason")
            )
        return Split(
            judged.filter(pl.col("reason").is_null()).select(prompts.columns),
            refused(
                judged.filter(pl.col("reason").is_not_null()),
                "prompt_id",
                pl.col("reason"),
                value=value,
                scored=pl.col("scored").fill_null(0),
            ),
        )
