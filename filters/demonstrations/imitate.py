"""Responses as examples to imitate, all of them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused
from filters.pairs.pairing import said
from schemas import Demonstrations, Prompts, Responses, Split, Table, Takes, content_id


class Imitate(Filter):
    """Every response of ``of`` as the answer to its prompt, for supervised fine-tuning: where they
    were chosen before, or are what they should be by construction. `filters.Best` chooses.

    A response whose prompt is not there is dropped.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rows = tables[self.of].join(
            tables[self.prompts].select("prompt_id", "messages"),
            on="prompt_id",
            how="left",
            maintain_order="left",
        )
        found = rows.filter(pl.col("messages").is_not_null())
        ids = found.select("prompt_id", "response_id").iter_rows()
        return Split(
            found.select(
                pl.Series("demonstration_id", [content_id(*row) for row in ids], dtype=pl.String),
                "prompt_id",
                pl.concat_list("messages", said("text")).alias("messages"),
                "response_id",
                pl.lit(None, pl.List(pl.List(pl.UInt32))).alias("loss_spans"),
                pl.lit(None, pl.String).alias("condition"),
            ),
            refused(rows.filter(pl.col("messages").is_null()), "response_id", "prompt not found"),
        )
