"""Random pairs, the control for claims about pairs."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused_by_reason
from filters.pairing import as_pairs, same_text, tie_break, with_messages
from schemas import Pairs, Prompts, Responses, Split, Table, Takes


class RandomPairs(Filter):
    """One pair per prompt: two of its responses, drawn at random without their scores.

    The draw depends only on ``seed`` and the ids of the responses. A prompt with fewer than two
    responses, or whose two responses have the same text, is dropped; so is one whose chosen
    response was cut off (unless ``cut: keep``).
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    seed: int = 0
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        drawn = tables[self.of].with_columns(tie_break=tie_break("response_id", self.seed))
        sides = {
            name: pl.col(column).sort_by("tie_break").get(place, null_on_oob=True)
            for place, side in enumerate(("chosen", "rejected"))
            for name, column in (
                (f"{side}_id", "response_id"),
                *((f"{side}_{name}", name) for name in ANSWER),
            )
        }
        prompts = (
            drawn.group_by("prompt_id", maintain_order=True)
            .agg(**sides, responses=pl.len())
            .pipe(with_messages, tables[self.prompts])
            .with_columns(margin=pl.lit(None, pl.Float64))
            .with_columns(
                reason=pl.when(pl.col("messages").is_null())
                .then(pl.lit("prompt not found"))
                .when(pl.col("responses") < 2)
                .then(pl.lit("fewer than two responses"))
                .when(same_text())
                .then(pl.lit("same text"))
                .otherwise(cut_refusal(self.cut, "chosen_"))
            )
        )
        return Split(
            as_pairs(prompts.filter(pl.col("reason").is_null())),
            refused_by_reason(prompts, "prompt_id", "responses"),
        )
