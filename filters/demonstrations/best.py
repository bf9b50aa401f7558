"""The best responses of each prompt as demonstrations."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused, refused_by_reason
from filters.pairing import as_demonstrations, scored, tie_break
from schemas import Demonstrations, Prompts, Responses, Scores, Split, Table, Takes


class Best(Filter):
    """The ``n`` highest scored responses of each prompt, as demonstrations.

    Equal texts count once; ties are broken at random. With ``at_least``, only responses with at
    least this score are used. A prompt without such a response is dropped. One of the ``n`` that
    was cut off is dropped under its own id (unless ``cut: keep``), and so is a prompt with none
    left.

    Source: Dong et al. 2023, RAFT: Reward rAnked FineTuning (arXiv:2304.06767), algorithm 1.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    n: int = Field(default=1, ge=1)
    at_least: float | None = None
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        responses = tables[self.of].select("response_id", "prompt_id", *ANSWER)
        ranked = scored(responses, tables[self.by])
        messages = tables[self.prompts].select("prompt_id", "messages")
        prompts = (
            ranked.group_by("prompt_id", maintain_order=True)
            .agg(
                highest=pl.col("value").max(),
                responses=pl.len(),
                scored=pl.col("value").count(),
                errors=pl.col("errors").sum(),
            )
            .join(messages, on="prompt_id", how="left", maintain_order="left")
            .with_row_index("place")
        )
        floor = float("-inf") if self.at_least is None else self.at_least
        prompts = prompts.with_columns(
            reason=pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("scored") == 0)
            .then(pl.lit("no scored response"))
            .when(pl.col("highest") < floor)
            .then(pl.lit("best score below at_least"))
        )
        best = (
            ranked.filter(pl.col("value") >= floor)
            .join(prompts.filter(pl.col("reason").is_null()), on="prompt_id")
            .with_columns(
                tie_break=tie_break("response_id"),
                stripped=pl.col("text").str.strip_chars(),
            )
            .sort("place", -pl.col("value"), "tie_break")
            .unique(["prompt_id", "stripped"], keep="first", maintain_order=True)
            .group_by("prompt_id", maintain_order=True)
            .head(self.n)
            .with_columns(cut=cut_refusal(self.cut))
        )
        cut = best.filter(pl.col("cut").is_not_null())
        complete = best.filter(pl.col("cut").is_null())
        none_left = cut.unique("prompt_id", keep="first", maintain_order=True).join(
            complete, on="prompt_id", how="anti", maintain_order="left"
        )
        numbers = ("highest", "responses", "scored", "errors")
        return Split(
            as_demonstrations(complete),
            pl.concat(
                [
                    refused_by_reason(prompts, "prompt_id", *numbers),
                    refused(cut, "response_id", pl.col("cut")),
                    refused(none_left, "prompt_id", pl.col("cut")),
                ]
            ),
        )
