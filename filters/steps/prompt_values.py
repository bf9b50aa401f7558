"""How well a policy answers each prompt, as the value of a solution without a word."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused_by_reason
from filters.pairing import scored, with_messages
from schemas import Prompts, Responses, Scores, Split, StepLabels, Table, Takes, columns


class PromptValues(Filter):
    """The mean score of each prompt's responses, as the value of its one step, which has no text: a
    head that learns it reads the end of the prompt. The label is whether it is at least 1/2. With
    scores of 1 for right responses and 0 for others it is P(IK), the probability that the policy
    knows the answer.

    A prompt is dropped if none of its responses has a score.

    Source: Kadavath et al. 2022, Language Models (Mostly) Know What They Know (arXiv:2207.05221),
    section 5.
    """

    gives: ClassVar[type[Table] | None] = StepLabels
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rows = scored(tables[self.of].select("response_id", "prompt_id"), tables[self.by])
        values = rows.group_by("prompt_id", maintain_order=True).agg(
            mean=pl.col("value").mean(), responses=pl.len()
        )
        values = with_messages(values, tables[self.prompts]).with_columns(
            reason=pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("mean").is_null())
            .then(pl.lit("no scored response"))
        )
        kept = values.filter(pl.col("reason").is_null()).select(
            pl.col("prompt_id").alias("response_id"),
            "prompt_id",
            pl.col("messages").alias("prompt"),
            completions=pl.concat_list(pl.lit("")),
            spans=pl.lit(None, columns(StepLabels)["spans"]),
            labels=pl.concat_list(pl.col("mean") >= 0.5),
            values=pl.concat_list("mean"),
            first_error=pl.lit(None, pl.Int32),
        )
        return Split(kept, refused_by_reason(values, "prompt_id", "responses"))
