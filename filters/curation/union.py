"""The rows of several stages as one table."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, field_validator

from filters.filter import Filter
from schemas import (
    Criteria,
    Demonstrations,
    Dropped,
    Pairs,
    Prompts,
    Responses,
    Split,
    Table,
    Takes,
    empty,
    id_column,
)


class Union(Filter):
    """The rows of all stages ``of``, which must give the same table: stage after stage, each in its
    order. Rows with the same id count once. Nothing is dropped.

    Use it to mix pairs that were made in different ways, as RISE does (Xu et al. 2024,
    arXiv:2410.06638), or to choose among drafts and their revisions.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[
        tuple[str, ...],
        Takes(Prompts, Responses, Pairs, Demonstrations, Criteria),
        Field(min_length=2),
    ]

    @field_validator("of")
    @classmethod
    def _different(cls, of: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(of)) < len(of):
            raise ValueError(f"a stage is named twice: {', '.join(of)}")
        return of

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        rows = pl.concat([tables[stage] for stage in self.of])
        return Split(
            rows.unique(id_column(table), keep="first", maintain_order=True), empty(Dropped)
        )
