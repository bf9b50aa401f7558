"""The right ways through a search tree, to imitate."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from filters.pairing import assistant_message
from filters.trees import TreeFilter, ends
from schemas import Demonstrations, Table, content_id


class Traces(TreeFilter):
    """The answers in a tree that are right, as demonstrations: those none of whose steps is worth
    less than ``at_least``, and of them the ``most`` whose steps are worth most in the mean (all if
    None). A step of which no value is known is not held against an answer.

    Sources: AlphaMath (Chen et al. 2024, arXiv:2405.03553) imitates the right answers of its trees;
    ReST-MCTS* (Zhang et al. 2024, arXiv:2406.03816) those that are right and of high value.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    nothing: ClassVar[str] = "no right answer of enough value"

    at_least: float = Field(default=0.0, ge=0, le=1)
    most: int | None = Field(default=None, ge=1)

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row an answer."""
        found = ends(nodes).filter("right")
        lowest = pl.col("values").list.min()
        found = found.filter(lowest.is_null() | (lowest >= self.at_least))
        if self.most is not None:
            found = found.group_by("prompt_id", maintain_order=True).head(self.most)
        ids = found.select("prompt_id", "node_id").iter_rows()
        return found.select(
            pl.Series("demonstration_id", [content_id(*row) for row in ids], dtype=pl.String),
            "prompt_id",
            pl.concat_list("messages", assistant_message("text")).alias("messages"),
            pl.col("node_id").alias("response_id"),
            pl.lit(None, pl.List(pl.List(pl.UInt32))).alias("loss_spans"),
            pl.lit(None, pl.String).alias("condition"),
        )
