"""What gives the pairs that a filter makes their weight."""

from collections.abc import Mapping
from typing import Any, ClassVar

import polars as pl

from schemas import Operator, Split, Table


class Weighing(Operator):
    """Says of each prompt how sure it is that the better of its responses is the better one.

    It is no stage: it is written inside a filter that makes one pair a prompt, as its ``weight``,
    and names the stages that it reads itself.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = "prompt_id"

    def weights(self, responses: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """One row for each prompt of ``responses`` (columns ``response_id`` and ``prompt_id``).

        Columns: ``prompt_id``; ``weight``, Float64 in [0, 1] or null; ``unweighed``, why it is
        null; and the numbers that decided it, under names of their own.
        """
        raise TypeError(f"{type(self).__name__} does not say how it weighs")

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any = None) -> Split:
        name = type(self).__name__
        raise TypeError(f"{name} is no stage of its own: write it as the 'weight' of a filter")
