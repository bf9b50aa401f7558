"""The answers of a search tree as one ranked list."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from filters.cut_off import is_complete
from filters.trees import TreeFilter, ends
from schemas import Rankings, Table, Truth, content_id


class RankedTraces(TreeFilter):
    """The different answers in a tree, best first. The reward of an answer is the mean value of its
    steps; the value of the last step is whether the answer is right. If there are more than
    ``most`` answers, ``most`` evenly spaced ones are kept, the best and the worst included, so that
    the list has clear differences.

    Source: Liao et al. 2024, TPO (arXiv:2410.12854), which learns from lists of answers that branch
    step by step. In its public code a judge who knows the worked answer rewards them; here the
    search values them.
    """

    gives: ClassVar[type[Table] | None] = Rankings
    nothing: ClassVar[str] = "fewer than two different answers"
    one_prompt: ClassVar[bool] = True

    most: int = Field(default=4, ge=2)

    def needs_truth(self) -> Truth | None:
        return "check"

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row a prompt."""
        ranked = (
            ends(nodes, cut=self.cut)
            .unique(["prompt_id", "text"], keep="first", maintain_order=True)
            .with_columns(
                place=pl.int_range(pl.len()).over("prompt_id"),
                of=pl.len().cast(pl.Int64).over("prompt_id"),
            )
            .filter(pl.col("of") > 1)
        )
        # Evenly spaced places from 0 to `last` are kept.
        last, slots = pl.col("of") - 1, pl.min_horizontal("of", pl.lit(self.most)) - 1
        slot = (pl.col("place") * slots + last - 1) // last
        kept = ranked.filter(slot * last // slots == pl.col("place"))
        after = pl.element().str.len_chars().cum_sum().cast(pl.UInt32)
        # An empty step ends where the step before it ends.
        places = pl.col("steps").list.eval(after.filter(after > 0).unique(maintain_order=True))
        lists = (
            kept.with_columns(places.alias("steps"))
            .group_by("prompt_id", maintain_order=True)
            .agg(
                pl.col("messages").first().alias("prompt"),
                pl.col("text").alias("completions"),
                pl.col("worth").alias("rewards"),
                "steps",
                is_complete().alias("ends"),
                "node_id",
            )
        )
        ids = lists.select("prompt_id", "node_id").iter_rows()
        return lists.select(
            pl.Series("ranking_id", [content_id(*row) for row in ids], dtype=pl.String),
            "prompt_id",
            "prompt",
            "completions",
            "rewards",
            "steps",
            pl.when(~pl.col("ends").list.all()).then("ends").alias("ends"),
        )
