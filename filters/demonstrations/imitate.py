"""All responses as demonstrations."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.cut_off import CutAnswer, cut_refusal
from filters.filter import Filter, refused_by_reason
from filters.pairing import as_demonstrations, with_messages
from schemas import Demonstrations, Prompts, Responses, Split, Table, Takes


class Imitate(Filter):
    """Every response of ``of`` as the answer to its prompt, for supervised fine-tuning. Use it for
    responses that were chosen before or are right by construction; `filters.Best` chooses.

    A response whose prompt is missing is dropped, and one that was cut off (unless ``cut: keep``).
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rows = tables[self.of].pipe(with_messages, tables[self.prompts])
        rows = rows.with_columns(
            reason=pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .otherwise(cut_refusal(self.cut))
        )
        return Split(
            as_demonstrations(rows.filter(pl.col("reason").is_null())),
            refused_by_reason(rows, "response_id"),
        )
