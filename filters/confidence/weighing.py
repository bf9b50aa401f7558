"""The base class of operators that give pairs their weights."""

from collections.abc import Mapping
from typing import Any, ClassVar

import polars as pl

from schemas import Operator, Split, Table


class Weighing(Operator):
    """Base class: gives each prompt a weight, the confidence in the label of its pair.

    It is not a stage. It is written inside a filter that makes one pair per prompt, as its
    ``weight``, and names the stages that it reads.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = "prompt_id"

    def weights(self, responses: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The weights of prompts.

        Args:
            responses: columns ``response_id`` and ``prompt_id``.
            tables: the inputs of the filter, by stage name.

        Returns:
            One row per prompt of ``responses``: ``prompt_id``; ``weight``, Float64 in [0, 1] or
                null; ``unweighed``, the reason if it is null; and the numbers that decided it.
        """
        raise TypeError(f"{type(self).__name__} does not implement weights()")

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any = None) -> Split:
        name = type(self).__name__
        raise TypeError(f"{name} is not a stage: write it as the 'weight' of a filter")
