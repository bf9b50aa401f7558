"""The right answers of a search tree as demonstrations."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from filters.cut_off import end_of_answer
from filters.pairing import assistant_message
from filters.trees import TreeFilter, ends
from schemas import Demonstrations, Table, Truth, content_id


class Traces(TreeFilter):
    """The right answers in a tree, as demonstrations. No step of an answer may have a value below
    ``at_least``. Of these answers the ``most`` with the highest mean value are kept (all if None).
    A step without a value is ignored.

    Sources: AlphaMath (Chen et al. 2024, arXiv:2405.03553) imitates the right answers of its trees;
    ReST-MCTS* (Zhang et al. 2024, arXiv:2406.03816) those that are right and have a high value.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    nothing: ClassVar[str] = "no right answer of enough value"
    one_prompt: ClassVar[bool] = True

    at_least: float = Field(default=0.0, ge=0, le=1)
    most: int | None = Field(default=None, ge=1)

    def needs_truth(self) -> Truth | None:
        return "check"

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row an answer."""
        answers = ends(nodes, cut=self.cut).filter("right")
        lowest = pl.col("values").list.min()
        answers = answers.filter(lowest.is_null() | (lowest >= self.at_least))
        if self.most is not None:
            answers = answers.group_by("prompt_id", maintain_order=True).head(self.most)
        ids = answers.select("prompt_id", "node_id").iter_rows()
        return answers.select(
            pl.Series("demonstration_id", [content_id(*row) for row in ids], dtype=pl.String),
            "prompt_id",
            pl.concat_list("messages", assistant_message("text")).alias("messages"),
            pl.col("node_id").alias("response_id"),
            pl.lit(None, pl.List(pl.List(pl.UInt32))).alias("loss_spans"),
            pl.lit(None, pl.String).alias("condition"),
            end_of_answer(),
            pl.lit(None, pl.Float64).alias("weight"),
        )
