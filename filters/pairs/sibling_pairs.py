"""Sibling steps of a search tree: the better against the worse."""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from filters.cut_off import is_complete
from filters.pairing import as_pairs, same_text
from filters.trees import TreeFilter
from schemas import Pairs, Table


class SiblingPairs(TreeFilter):
    """One pair for each node of a tree with several children: the step with the highest value
    against the one with the lowest (``against: next``: the second highest), if they differ by at
    least ``min_gap``. Both sides are the common prefix and the step. ``shared_prefix`` is the
    length of the prefix, ``ends`` whether a step ends its answer, ``margin`` the difference of
    values.

    ``along: visits`` makes pairs only along one path of each tree, which follows the most visited
    child; of equals the one with the highest value.

    With ``confidence`` the weight of a pair is 1 - min(1 - c, 1/2), c = 1 / (1 + N_l / max(1,
    N_w)), with the visits N_w of the chosen and N_l of the rejected step: the conservative DPO of
    MCTS-DPO, whose label smoothing is 1 minus the weight. A better step with fewer visits has a
    weight near 1/2 and so almost no effect. Otherwise the weight is 1.

    Sources: Xie et al. 2024, MCTS-DPO (arXiv:2405.00451), for path, worst or next best, and
    confidence; He et al. 2024, Tree-PLV (arXiv:2407.00390), for the gap; Wang et al. 2024, CPL
    (arXiv:2409.08642), for the margin.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    nothing: ClassVar[str] = "no siblings far enough apart"
    one_prompt: ClassVar[bool] = True

    against: Literal["worst", "next"] = "worst"
    min_gap: float = Field(default=0.0, ge=0, le=1)
    along: Literal["all", "visits"] = "all"
    confidence: bool = False

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row per prefix."""
        valued = nodes.filter(pl.col("depth") > 0, pl.col("value").is_not_null())
        valued = valued.sort("value", "node_id", descending=[True, False])
        # A step that was cut off may be rejected as the worst one. It is never chosen.
        complete = is_complete() | pl.lit(self.cut == "keep")
        worst = (-1, pl.lit(value=True)) if self.against == "worst" else (1, complete)
        sides = valued.group_by("parent_id", maintain_order=True).agg(
            pl.len().alias("siblings"),
            pl.col("prompt_id", "messages").first(),
            *(
                pl.col(column).filter(of).get(place, null_on_oob=True).alias(f"{side}_{name}")
                for side, (place, of) in (("chosen", (0, complete)), ("rejected", worst))
                for name, column in (
                    ("id", "node_id"),
                    ("text", "text"),
                    ("value", "value"),
                    ("visits", "visits"),
                    ("terminal", "terminal"),
                    ("finish", "finish"),
                )
            ),
        )
        if self.along == "visits":
            path = most_visited(nodes)
            sides = sides.filter(pl.col("parent_id").is_in(path.implode()))
        before = nodes.select(parent_id="node_id", shared=pl.col("text").str.len_chars())
        pairs = (
            sides.with_columns(margin=pl.col("chosen_value") - pl.col("rejected_value"))
            .filter(
                pl.col("siblings") > 1,
                pl.col("margin") > 0,
                pl.col("margin") >= self.min_gap,
                ~same_text(),
            )
            .join(before, on="parent_id", maintain_order="left")
            .sort("parent_id")
        )
        chosen, rejected = (
            pl.col(f"{side}_terminal") & is_complete(f"{side}_finish")
            for side in ("chosen", "rejected")
        )
        ends = pl.struct(chosen=chosen, rejected=rejected).alias("ends")
        prefix = pl.col("shared").cast(pl.UInt32).alias("shared_prefix")
        rows = as_pairs(pairs).with_columns(pairs.select(prefix, ends))
        if self.confidence:
            certain = confident(pl.col("chosen_visits"), pl.col("rejected_visits"))
            rows = rows.with_columns(pairs.select(weight=certain)["weight"])
        return rows


def confident(better: pl.Expr, worse: pl.Expr) -> pl.Expr:
    """1 - min(1 - c, 1/2) with c = 1 / (1 + N_l / max(1, N_w)), from visits."""
    visited = pl.max_horizontal(better, pl.lit(1)).cast(pl.Float64)
    certain = (worse.cast(pl.Float64) / visited + 1).pow(-1)
    return 1 - pl.min_horizontal(1 - certain, pl.lit(0.5))


def most_visited(nodes: pl.DataFrame) -> pl.Series:
    """The ids of the nodes, roots included, on the path of the most visited children."""
    order = ["visits", "value", "node_id"]
    best = (
        nodes.filter(pl.col("depth") > 0)
        .sort(*order, descending=[True, True, False], nulls_last=True)
        .group_by("parent_id", maintain_order=True)
        .agg(pl.col("node_id").first().alias("child"))
    )
    level = nodes.filter(pl.col("depth") == 0).select("node_id")
    path = [level["node_id"]]
    while level.height:
        level = level.join(best, left_on="node_id", right_on="parent_id").select(node_id="child")
        path.append(level["node_id"])
    return pl.concat(path)
