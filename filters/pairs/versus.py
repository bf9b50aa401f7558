"""Responses of one source against responses of another to the same prompt."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused_by_reason
from filters.pairing import as_pairs, same_text, scored, tie_break
from schemas import Pairs, Prompts, Responses, Scores, Split, Table, Takes


class Versus(Filter):
    """One pair per prompt: a response of stage ``of`` is chosen, one of ``against`` rejected.

    With ``by``, scores of the chosen side, the highest scored response is chosen, else a random
    one. With ``against_by``, the lowest scored response is rejected, else a random one. The score
    of a response is the mean of its scores as a whole; scores that are errors are not used. Ties
    and draws depend only on ``seed`` and the ids of the responses.

    If both sides have scores, ``margin`` is the difference, else null. A prompt of ``of`` is
    dropped if a side has no (scored) response, if the chosen score is below ``at_least``, if it is
    not above the rejected one by more than 0 and at least ``min_margin``, if both have the same
    text, or if the chosen response was cut off (unless ``cut: keep``).

    Source: Chen et al. 2024, SPIN (arXiv:2401.01335): worked answers against samples of the policy;
    Temporal Self-Rewarding (arXiv:2508.06026): the best present and later responses against the
    worst of the initial policy.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    against: Annotated[str, Takes(Responses)]
    by: Annotated[str | None, Takes(Scores)] = None
    against_by: Annotated[str | None, Takes(Scores)] = None
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    at_least: float | None = None
    min_margin: float = Field(default=0.0, ge=0)
    seed: int = 0
    cut: CutAnswer = "refuse"

    @model_validator(mode="after")
    def _scored_where_compared(self) -> "Versus":
        if self.at_least is not None and self.by is None:
            raise ValueError("at_least is of the chosen side's scores: name their stage as by")
        if self.min_margin and not (self.by and self.against_by):
            raise ValueError("min_margin is between scores: name both stages, by and against_by")
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        prompts = tables[self.of].select("prompt_id").unique(maintain_order=True)
        chosen = self._side(tables, self.of, self.by, "chosen", highest=True)
        rejected = self._side(tables, self.against, self.against_by, "rejected", highest=False)
        both = self.by is not None and self.against_by is not None
        messages = tables[self.prompts].select("prompt_id", "messages")
        for side in (chosen, rejected, messages):
            prompts = prompts.join(side, on="prompt_id", how="left", maintain_order="left")
        margin = pl.col("chosen_value") - pl.col("rejected_value")
        prompts = prompts.with_columns(margin=margin if both else pl.lit(None, pl.Float64))
        reason = (
            pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("chosen_id").is_null())
            .then(pl.lit(_missing(self.of, self.by)))
            .when(pl.col("rejected_id").is_null())
            .then(pl.lit(_missing(self.against, self.against_by)))
        )
        if self.at_least is not None:
            low = pl.col("chosen_value") < self.at_least
            reason = reason.when(low).then(pl.lit("best score below at_least"))
        reason = (
            reason.when(pl.col("margin") <= 0)
            .then(pl.lit("chosen not above rejected"))
            .when(pl.col("margin") < self.min_margin)
            .then(pl.lit("margin below min_margin"))
            .when(same_text())
            .then(pl.lit("same text"))
        )
        prompts = prompts.with_columns(reason=reason.otherwise(cut_refusal(self.cut, "chosen_")))
        numbers = ("chosen_value", "rejected_value", "margin", "chosen_of", "rejected_of")
        return Split(
            as_pairs(prompts.filter(pl.col("reason").is_null())),
            refused_by_reason(prompts, "prompt_id", *numbers),
        )

    def _side(
        self,
        tables: Mapping[str, pl.DataFrame],
        of: str,
        by: str | None,
        side: str,
        *,
        highest: bool,
    ) -> pl.DataFrame:
        """For each prompt the response of the side: ``{side}_id``, `ANSWER` of the side,
        ``{side}_value``, and the number of candidates (``{side}_of``)."""
        responses = tables[of].select("response_id", "prompt_id", *ANSWER)
        if by is None:
            values = responses.with_columns(value=pl.lit(None, pl.Float64), order=pl.lit(0.0))
        else:
            values = scored(responses, tables[by]).drop_nulls("value")
            values = values.with_columns(order=-pl.col("value") if highest else pl.col("value"))
        return (
            values.with_columns(tie_break=tie_break("response_id", self.seed))
            .sort("order", "tie_break")
            .group_by("prompt_id", maintain_order=True)
            .agg(
                pl.col("response_id").first().alias(f"{side}_id"),
                pl.col(ANSWER).first().name.prefix(f"{side}_"),
                pl.col("value").first().alias(f"{side}_value"),
                pl.len().alias(f"{side}_of"),
            )
        )


def _missing(stage: str, by: str | None) -> str:
    return f"no {'response' if by is None else 'scored response'} in {stage}"
