"""Shared by filters of search trees: the path to each node, for all trees at once."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.cut_off import CutAnswer, is_complete
from filters.filter import Filter, refused
from schemas import Nodes, Prompts, Split, Takes


class TreeFilter(Filter):
    """Base class: makes rows from the nodes of trees in `exported`. A prompt without rows is
    dropped, with the counts of its tree. A node that is not connected to a root is dropped under
    its own id. An answer that was cut off is not used unless ``cut: keep``.

    The rows depend only on the nodes, not on the order of their rows. They are in the order in
    which ``of`` first names the prompts.
    """

    unit: ClassVar[str] = "prompt_id"
    nothing: ClassVar[str]
    """The reason for a prompt without rows."""

    of: Annotated[str, Takes(Nodes)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    cut: CutAnswer = "refuse"

    def exported(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """Rows of ``gives`` from `paths` with the ``messages`` of their prompts."""
        raise TypeError(f"{type(self).__name__} does not implement exported()")

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        nodes = tables[self.of]
        tree_paths = paths(nodes)
        messages = tables[self.prompts].select("prompt_id", "messages")
        rows = self.exported(tree_paths.join(messages, on="prompt_id"))
        right = pl.col("terminal_correct").fill_null(False)
        trees = nodes.group_by("prompt_id", maintain_order=True).agg(
            nodes=pl.len(),
            ends=pl.col("terminal").sum(),
            right_ends=right.sum(),
            cut_ends=(~is_complete()).sum(),
            expanded=pl.col("expanded").sum(),
        )
        kept = trees.select("prompt_id").join(
            rows, on="prompt_id", how="inner", maintain_order="left_right"
        )
        empty = trees.join(rows, on="prompt_id", how="anti", maintain_order="left").join(
            messages, on="prompt_id", how="left", maintain_order="left"
        )
        reason = pl.when(pl.col("messages").is_null()).then(pl.lit("prompt not found"))
        numbers = {name: pl.col(name) for name in _COUNTS}
        lost = nodes.join(tree_paths, on="node_id", how="anti", maintain_order="left")
        return Split(
            kept.select(rows.columns),
            pl.concat(
                [
                    refused(empty, "prompt_id", reason.otherwise(pl.lit(self.nothing)), **numbers),
                    refused(lost, "node_id", "hangs on no root"),
                ]
            ),
        )


_COUNTS = ("nodes", "ends", "right_ends", "cut_ends", "expanded")


def paths(nodes: pl.DataFrame) -> pl.DataFrame:
    """``nodes`` (`schemas.Nodes`) that are connected to a root, each with its path: ``text``, the
    whole prefix; and lists with one entry for each node below the root: ``path`` (ids), ``steps``,
    ``values``."""
    lists = {"path": "node_id", "steps": "step", "values": "value"}
    level = nodes.filter(pl.col("depth") == 0).with_columns(
        pl.col("step").alias("text"),
        *(pl.lit([], pl.List(nodes.schema[column])).alias(name) for name, column in lists.items()),
    )
    levels = [level]
    for depth in nodes.filter(pl.col("depth") > 0)["depth"].unique().sort():
        above = level.select(pl.col("node_id").alias("parent_id"), "text", *lists)
        level = nodes.filter(pl.col("depth") == depth).join(above, on="parent_id")
        level = level.with_columns(
            text=pl.col("text") + pl.col("step"),
            **{name: pl.concat_list(name, column) for name, column in lists.items()},
        ).select(levels[0].columns)
        levels.append(level)
    return pl.concat(levels)


def mean_value() -> pl.Expr:
    """The mean of the known values of the nodes of a path; null if none is known."""
    return pl.col("values").list.drop_nulls().list.mean()


def ends(nodes: pl.DataFrame, *, cut: CutAnswer = "keep") -> pl.DataFrame:
    """The `paths` that end an answer whose check gave a result (``right``), with their mean value
    (``worth``). The best come first; of equals the one with the smaller id. With ``cut: refuse``,
    answers that were cut off are left out."""
    terminal = nodes.filter("terminal", pl.col("terminal_correct").is_not_null())
    if cut == "refuse":
        terminal = terminal.filter(is_complete())
    return terminal.with_columns(
        right=pl.col("terminal_correct"), worth=mean_value().fill_null(0.5)
    ).sort("prompt_id", pl.col("worth"), "node_id", descending=[False, True, False])


def steps_of(answers: pl.DataFrame, *, keep: list[str]) -> pl.DataFrame:
    """One row for each node below the root on each path of ``answers``: ``at`` (its id), ``from``
    (the id of its parent; null for children of the root), ``place`` from 0, and the columns
    ``keep``."""
    return (
        answers.select(*keep, pl.col("path").alias("at"))
        .with_columns(
            pl.col("at").list.eval(pl.element().shift(1)).alias("from"),
            pl.int_ranges(pl.col("at").list.len()).alias("place"),
        )
        .explode("at", "from", "place")
    )
