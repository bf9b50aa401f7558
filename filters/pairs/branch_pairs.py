"""Whole answers of a search tree that part at a step: one goes on to be right, the other not."""

from typing import ClassVar

import polars as pl

from filters.pairing import as_pairs, same_text
from filters.trees import TreeFilter, ends, steps_of
from schemas import Pairs, Table


class BranchPairs(TreeFilter):
    """For each beginning after which some answers of the tree are right and some wrong, by
    different next steps: the right answer whose steps are worth most in the mean against the wrong
    one whose steps are worth least, of those that part there.

    Both sides are whole answers; ``shared_prefix`` is the length of the beginning that they share,
    ``margin`` the difference of their steps' mean values (1/2 where nothing is known of a step).
    """

    gives: ClassVar[type[Table] | None] = Pairs
    nothing: ClassVar[str] = "no right and wrong answer part in the tree"

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row a beginning."""
        found = ends(nodes)
        roots = nodes.filter(pl.col("depth") == 0).select("prompt_id", root="node_id")
        ways = (
            steps_of(found, keep=["prompt_id", "node_id", "text", "worth", "right"])
            .join(roots, on="prompt_id")
            .with_columns(pl.coalesce("from", "root").alias("from"))
        )
        sides = [
            ways.filter(pl.col("right") == right).select(
                "from",
                pl.col("at").alias(f"{side}_at"),
                pl.col("node_id").alias(f"{side}_id"),
                pl.col("text").alias(f"{side}_text"),
                pl.col("worth").alias(f"{side}_worth"),
            )
            for side, right in (("chosen", True), ("rejected", False))
        ]
        parted = (
            sides[0]
            .join(sides[1], on="from")
            .filter(pl.col("chosen_at") != pl.col("rejected_at"), ~same_text())
            .sort(
                "chosen_worth",
                "rejected_worth",
                "chosen_id",
                "rejected_id",
                descending=[True, False, False, False],
            )
            .group_by("from", maintain_order=True)
            .first()
        )
        before = nodes.select(
            "prompt_id",
            "messages",
            pl.col("node_id").alias("from"),
            pl.col("text").str.len_chars().alias("shared"),
        )
        pairs = parted.join(before, on="from").sort("from")
        pairs = pairs.with_columns(margin=pl.col("chosen_worth") - pl.col("rejected_worth"))
        return as_pairs(pairs).with_columns(pairs["shared"].cast(pl.UInt32).alias("shared_prefix"))
