"""What a search found every beginning to be worth, as steps to learn from."""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from filters.trees import TreeFilter, ends, steps_of
from schemas import StepLabels, Table, columns


class PrefixValues(TreeFilter):
    """Each way from the root to a leaf of a tree, a step a node, with the values of its beginnings.

    ``values: search`` are those that the search backed up; a node that it visited less than
    ``min_visits`` times has none here (from 1 on, what nobody went on with teaches a value model
    only what it said itself). ``values: ends`` is the share of right ones among the ends below a
    node (Wang et al. 2025, arXiv:2503.13551, and its public code).

    A beginning that several ways share has its value in the first of them alone, so that it is
    learnt once: null values are not learnt from. A way without any value is left out. With
    ``right_above``, a step is labelled right where its beginning is worth more than that; else
    labels are null.
    """

    gives: ClassVar[type[Table] | None] = StepLabels
    nothing: ClassVar[str] = "no beginning has a value"

    values: Literal["search", "ends"] = "search"
    min_visits: int = Field(default=0, ge=0)
    right_above: float | None = Field(default=None, ge=0, lt=1)

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row a leaf."""
        leaves = nodes.join(nodes.select(node_id="parent_id"), on="node_id", how="anti").filter(
            pl.col("depth") > 0
        )
        told = self._told(nodes)
        steps = (
            steps_of(leaves.sort("node_id"), keep=["node_id"])
            .join(told, left_on="at", right_on="node_id", how="left", maintain_order="left")
            .with_columns(value=pl.when(pl.col("at").is_first_distinct()).then(pl.col("value")))
            .group_by("node_id", maintain_order=True)
            .agg(pl.col("value").alias("known"))
            .filter(pl.col("known").list.drop_nulls().list.len() > 0)
        )
        label = (
            pl.lit(None, pl.Boolean)
            if self.right_above is None
            else pl.element() > self.right_above
        )
        rows = leaves.join(steps, on="node_id").sort("node_id")
        labels = pl.col("known").list.eval(pl.when(pl.element().is_not_null()).then(label))
        wrong = labels.list.eval(pl.arg_where(~pl.element().fill_null(True))).list.first()
        return rows.select(
            pl.col("node_id").alias("response_id"),
            "prompt_id",
            pl.col("messages").alias("prompt"),
            pl.col("steps").alias("completions"),
            pl.lit(None, columns(StepLabels)["spans"]).alias("spans"),
            labels.alias("labels"),
            pl.col("known").alias("values"),
            wrong.cast(pl.Int32).alias("first_error"),
        )

    def _told(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """``node_id`` and ``value``, for those that have one."""
        if self.values == "search":
            visited = pl.col("visits") >= self.min_visits
            return nodes.filter(visited).select("node_id", "value").drop_nulls()
        below = steps_of(ends(nodes), keep=["right"])
        return below.group_by("at").agg(value=pl.col("right").mean()).rename({"at": "node_id"})
