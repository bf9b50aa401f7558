"""Complete answers of a search tree that branch at a step: a right one against a wrong one."""

from typing import ClassVar

import polars as pl

from filters.pairing import as_pairs, same_text
from filters.trees import TreeFilter, ends, steps_of
from schemas import Pairs, Table, Truth


class BranchPairs(TreeFilter):
    """One pair for each prefix after which some answers of the tree are right and some wrong, by
    different next steps. The chosen side is the right answer with the highest mean value of its
    steps, the rejected side the wrong answer with the lowest, among those that branch there.

    Both sides are whole answers. ``shared_prefix`` is the length of their common prefix.
    ``margin`` is the difference of the mean values (1/2 for an unknown value).
    """

    gives: ClassVar[type[Table] | None] = Pairs
    nothing: ClassVar[str] = "no right and wrong answer part in the tree"
    one_prompt: ClassVar[bool] = True

    def needs_truth(self) -> Truth | None:
        return "check"

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row per prefix."""
        answers = ends(nodes, cut=self.cut)
        roots = nodes.filter(pl.col("depth") == 0).select("prompt_id", root="node_id")
        steps = (
            steps_of(answers, keep=["prompt_id", "node_id", "text", "finish", "worth", "right"])
            .join(roots, on="prompt_id")
            .with_columns(pl.coalesce("from", "root").alias("from"))
        )
        sides = [
            steps.filter(pl.col("right") == right).select(
                "from",
                pl.col("at").alias(f"{side}_at"),
                pl.col("node_id").alias(f"{side}_id"),
                pl.col("text").alias(f"{side}_text"),
                pl.col("finish").alias(f"{side}_finish"),
                pl.col("worth").alias(f"{side}_worth"),
            )
            for side, right in (("chosen", True), ("rejected", False))
        ]
        branches = (
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
        pairs = branches.join(before, on="from").sort("from")
        pairs = pairs.with_columns(margin=pl.col("chosen_worth") - pl.col("rejected_worth"))
        return as_pairs(pairs).with_columns(pairs["shared"].cast(pl.UInt32).alias("shared_prefix"))
