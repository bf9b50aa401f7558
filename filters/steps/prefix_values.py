"""The values of prefixes in a search tree, as steps to train on."""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from filters.cut_off import is_complete
from filters.trees import TreeFilter, ends, steps_of
from schemas import StepLabels, Table, Truth, columns


class PrefixValues(TreeFilter):
    """Each path from the root to a leaf of a tree, one step per node, with the values of its
    prefixes.

    ``values: search`` are the backed-up values of the search. A node with fewer than ``min_visits``
    visits has no value here. (From 1 on, nodes that were never expanded are left out; they would
    only teach a value model its own output.) ``values: ends`` is the share of right ends below a
    node (Wang et al. 2025, arXiv:2503.13551, and its public code).

    A prefix that several paths share has its value only in the first of them, so that it is trained
    on once; null values are ignored. A step that was cut off has no value (unless ``cut: keep``). A
    path without any value is left out. With ``right_above``, a step is labelled right if the value
    of its prefix is above that; otherwise labels are null.
    """

    gives: ClassVar[type[Table] | None] = StepLabels
    nothing: ClassVar[str] = "no beginning has a value"
    one_prompt: ClassVar[bool] = True

    values: Literal["search", "ends"] = "search"
    min_visits: int = Field(default=0, ge=0)
    right_above: float | None = Field(default=None, ge=0, lt=1)

    def needs_truth(self) -> Truth | None:
        return "check" if self.values == "ends" else None

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """One row per leaf."""
        leaves = nodes.join(nodes.select(node_id="parent_id"), on="node_id", how="anti").filter(
            pl.col("depth") > 0
        )
        node_values = self._node_values(nodes)
        steps = (
            steps_of(leaves.sort("node_id"), keep=["node_id"])
            .join(node_values, left_on="at", right_on="node_id", how="left", maintain_order="left")
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

    def _node_values(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """``node_id`` and ``value`` of the nodes with a value."""
        if self.values == "search":
            visited = pl.col("visits") >= self.min_visits
            complete = is_complete() | pl.lit(self.cut == "keep")
            return nodes.filter(visited, complete).select("node_id", "value").drop_nulls()
        below = steps_of(ends(nodes, cut=self.cut), keep=["right"])
        return below.group_by("at").agg(value=pl.col("right").mean()).rename({"at": "node_id"})
