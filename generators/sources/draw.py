"""A second set of prompts beside those of the recipe."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from schemas import (
    Operator,
    Prompts,
    SourceName,
    Split,
    Table,
    Takes,
    dropped,
    load_operator,
    source_table,
)


class Draw(Operator):
    """The first ``rows`` prompts of the source ``of`` that the recipe does not use otherwise.

    ``of`` is any source of the project: a labelled seed, documents, another kind of tasks, or an
    evaluation set that `trainers.Validate` reads as ``prompts``. A fixed source gives the same
    prompts at each refresh, except those that the recipe draws as ``prompts``. Another source gives
    its new prompts first. Prompts that an earlier refresh of the recipe drew as ``prompts`` are not
    offered.

    A prompt is dropped if it is among the ``prompts``, or if `filters.Decontaminate` drops it
    ``against`` the held-out prompts. To keep two sets apart, name the first of them in ``against``
    of the second, beside ``held_out``.
    """

    gives: ClassVar[type[Table]] = Prompts
    unit: ClassVar[str] = "prompt_id"

    of: SourceName
    rows: int = Field(ge=1)
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    against: Annotated[tuple[str, ...], Takes(Prompts)] = Field(("held_out",), min_length=1)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any) -> Split:
        """The prompts, in the order of the source."""
        name = source_table(self.of)
        offered = tables[name]
        used = pl.col("prompt_id").is_in(tables[self.prompts]["prompt_id"].implode())
        # Operators of another package are named, not imported.
        decontaminate = load_operator(
            {"use": "filters.Decontaminate", "of": name, "against": self.against}
        )
        clean = decontaminate.run({**tables, name: offered.filter(~used)}, context)
        return Split(
            clean.kept.head(self.rows),
            pl.concat(
                [
                    self._dropped("is among the prompts", offered.filter(used), context),
                    clean.dropped,
                    self._dropped("more prompts than rows", clean.kept[self.rows :], context),
                ]
            ),
        )

    @staticmethod
    def _dropped(reason: str, prompts: pl.DataFrame, context: Any) -> pl.DataFrame:
        return dropped(context.stage, reason, prompts["prompt_id"].to_list())
