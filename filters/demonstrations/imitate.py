"""All responses as demonstrations."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused
from filters.pairing import as_demonstrations, with_messages
from schemas import Demonstrations, Prompts, Responses, Split, Table, Takes


class Imitate(Filter):
    """Every response of ``of`` as the answer to its prompt, for supervised fine-tuning. Use it for
    responses that were chosen before or are right by construction; `filters.Best` chooses.

    A response whose prompt is missing is dropped.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rows = tables[self.of].pipe(with_messages, tables[self.prompts])
        known = rows.filter(pl.col("messages").is_not_null())
        return Split(
            as_demonstrations(known),
            refused(rows.filter(pl.col("messages").is_null()), "response_id", "prompt not found"),
        )
