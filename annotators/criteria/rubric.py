"""A rubric as a table, for stages that read or rewrite criteria."""

from collections.abc import Mapping
from typing import Any, ClassVar

import polars as pl
from pydantic import Field, field_validator, model_validator

from annotators.criteria.criterion import Criterion, RubricOf, distinct
from annotators.criteria.rubric_files import find_rubric, read_rubric
from schemas import Criteria, Dropped, Operator, RubricName, Split, Table, empty


class Rubric(Operator):
    """The criteria of a ``file`` (`annotators.criteria.rubric_files`), or those that stand in the
    recipe, as a table. Calls no model."""

    gives: ClassVar[type[Table]] = Criteria
    unit: ClassVar[str] = "criterion_id"

    file: RubricName | None = None
    criteria: tuple[Criterion, ...] | None = Field(default=None, min_length=1)

    @field_validator("criteria")
    @classmethod
    def _distinct(cls, criteria: tuple[Criterion, ...] | None) -> tuple[Criterion, ...] | None:
        return None if criteria is None else tuple(distinct(criteria))

    @model_validator(mode="after")
    def _one_origin(self) -> "Rubric":
        if (self.file is None) == (self.criteria is None):
            raise ValueError("give either file or criteria")
        return self

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any) -> Split:
        """The criteria, in their order.

        Raises:
            EngineError: there is no such file, or it cannot be read.
        """
        if self.file is not None:
            rubric = read_rubric(find_rubric(self.file, context.folder))
        else:
            rubric = RubricOf(criteria=self.criteria or ())
        return Split(rubric.rows(), empty(Dropped))
