"""The rules that decide which rows a curated dataset has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from assets.project.dataset import Cap
from filters.filter import Filter
from schemas import Table


@dataclass(frozen=True)
class Rules:
    """What decides which rows a dataset has.

    Attributes:
        name: The name of the dataset.
        table: The table of the rows.
        filters: Filters that read ``rows`` or ``prompts``, and ``evaluations`` by name.
        evaluations: Evaluation prompts, by the name that the filters use.
        held_out: The share of clusters of prompts to hold out, in [0, 1).
        weights: The weight of each recipe; None keeps all rows.
        cap: The largest numbers of rows.
    """

    name: str
    table: type[Table]
    filters: Sequence[Filter] = ()
    evaluations: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    held_out: float = 0.0
    weights: Mapping[str, float] | None = None
    cap: Cap = field(default_factory=Cap)

    @property
    def lasting(self) -> Sequence[Filter]:
        """The first of the filters, whose decisions no later row changes."""
        count = 0
        for each in self.filters:
            if not (each.one_row or (each.in_order and not of_prompts(each))):
                break
            count += 1
        return self.filters[:count]


def of_prompts(operator: Filter) -> bool:
    """Whether a filter reads prompts, and not rows."""
    return any(read.stage == "prompts" for read in operator.inputs())
