"""The answers of a search tree as responses."""

from typing import ClassVar

import polars as pl

from filters.cut_off import is_complete
from filters.trees import TreeFilter
from schemas import Responses, Table, columns


class TreeAnswers(TreeFilter):
    """Every whole answer of a tree as a response, right or wrong, so that annotators can score it
    and pairs can be made of answers that share their beginnings. Its id is that of the node that
    ends it, and its origin that of its last step. ``tokens`` counts its words, as a tree does not
    count tokens.

    Source: Qiu et al. 2024, Reward Generalization in RLHF: A Topological Perspective
    (arXiv:2402.10184), which compares responses inside a tree instead of independent ones.
    """

    gives: ClassVar[type[Table] | None] = Responses
    nothing: ClassVar[str] = "no whole answer"
    one_prompt: ClassVar[bool] = True

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row an answer, by its id."""
        answers = nodes.filter("terminal")
        if self.cut == "refuse":
            answers = answers.filter(is_complete())
        return answers.sort("node_id").select(
            pl.col("node_id").alias("response_id"),
            "prompt_id",
            "text",
            *(pl.lit(None, columns(Responses)[name]).alias(name) for name in _UNKNOWN),
            pl.col("finish").fill_null("stop"),
            pl.col("text").str.count_matches(r"\S+").alias("tokens"),
            "origin",
        )


_UNKNOWN = ("reasoning", "steps", "turns")
