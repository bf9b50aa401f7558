"""Chooses a few trees and solutions of a stage to draw. The choice is always the same."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from assets.charts.in_markdown import in_markdown
from assets.charts.solution import Judged, labelled, scored, solution_picture
from assets.charts.svg import Picture
from assets.charts.tree import tree_picture
from engines.rows import spans
from schemas import Nodes, Operator, Scores, StepLabels, Table

if TYPE_CHECKING:
    import dagster as dg

TREES = SOLUTIONS = 3
"""The most pictures of a stage."""


def pictures(
    gives: type[Table],
    operator: Operator,
    kept: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
) -> "dict[str, dg.MetadataValue[Any]]":
    """Pictures of a stage's rows by title, as metadata for Dagster. Empty if the stage gives no
    trees and no steps.

    Args:
        gives: The table that the stage gives.
        kept: The rows that it kept.
        tables: The tables that it read, by stage.
    """
    if gives is Nodes:
        drawn = list(_trees(kept, tables.values()))
        return {f"tree {number}": in_markdown(one) for number, one in enumerate(drawn, 1)}
    if gives is StepLabels:
        drawn = list(_solutions(kept))
    elif gives is Scores:
        drawn = list(_scores(operator, kept, tables))
    else:
        drawn = []
    return {f"solution {number}": in_markdown(one) for number, one in enumerate(drawn, 1)}


def chosen_prompts(nodes: pl.DataFrame) -> pl.Series:
    """The prompts of a few trees, at equal distances; trees with right and wrong ends come first.

    Args:
        nodes: Columns ``prompt_id`` and ``terminal_correct`` of `schemas.Nodes`.
    """
    trees = nodes.group_by("prompt_id", maintain_order=True).agg(
        right=pl.col("terminal_correct").any(), wrong=(~pl.col("terminal_correct")).any()
    )
    return _few(trees, pl.col("right") & pl.col("wrong"), TREES)["prompt_id"]


def prompt_texts(tables: Iterable[pl.DataFrame], ids: Iterable[str]) -> dict[str, str]:
    """The last message of the prompts ``ids``, by id. They are read from those of ``tables`` that
    are `schemas.Prompts`."""
    wanted_ids, texts = list(ids), dict[str, str]()
    for table in tables:
        if {"prompt_id", "messages", "reference"} <= set(table.columns):
            rows = table.filter(pl.col("prompt_id").is_in(wanted_ids))
            content = pl.col("messages").list.last().struct.field("content")
            texts |= dict(rows.select("prompt_id", content).iter_rows())
    return texts


def _trees(kept: pl.DataFrame, tables: Iterable[pl.DataFrame]) -> Iterator[Picture]:
    ids = chosen_prompts(kept)
    texts = prompt_texts(tables, ids)
    for prompt_id in ids:
        tree = kept.filter(pl.col("prompt_id") == prompt_id)
        yield tree_picture(tree, texts.get(prompt_id, prompt_id))


def _solutions(kept: pl.DataFrame) -> Iterator[Picture]:
    scale = _scale(kept["values"].explode(empty_as_null=True))
    telling = pl.col("labels").list.any() & (~pl.col("labels").list.all())
    for row in _few(kept, telling, SOLUTIONS).iter_rows(named=True):
        yield solution_picture(labelled(row), scale=scale)


def _scores(
    operator: Operator, kept: pl.DataFrame, tables: Mapping[str, pl.DataFrame]
) -> Iterator[Picture]:
    responses = tables.get(getattr(operator, "of", ""))
    steps = kept.filter(pl.col("step") >= 0)
    if responses is None or "steps" not in responses.columns or steps.is_empty():
        return
    scale = _scale(steps["value"])
    judged = steps.group_by("response_id", "annotator", maintain_order=True).agg(
        spread=pl.col("value").max() - pl.col("value").min()
    )
    cut = responses.filter(pl.col("steps").is_not_null())
    with_steps = judged.join(cut, on="response_id", maintain_order="left")
    few = _few(with_steps, pl.col("spread") > 0.5 * (scale[1] - scale[0]), SOLUTIONS)
    texts = prompt_texts(tables.values(), few["prompt_id"])
    for row in few.iter_rows(named=True):
        mine = (pl.col("response_id") == row["response_id"]) & (
            pl.col("annotator") == row["annotator"]
        )
        yield solution_picture(_judged(row, kept.filter(mine), texts), scale=scale)


def _judged(row: Mapping[str, Any], scores: pl.DataFrame, texts: Mapping[str, str]) -> Judged:
    steps = [row["text"][span.start : span.end] for span in spans(row["steps"]) or ()]
    prompt = texts.get(row["prompt_id"], row["prompt_id"])
    return scored(prompt, steps, scores.to_dicts())


def _few(frame: pl.DataFrame, telling: pl.Expr, most: int) -> pl.DataFrame:
    """At most ``most`` rows at equal distances, of those that are ``telling``, or else of all."""
    rows = frame.filter(telling)
    rows = frame if rows.is_empty() else rows
    return rows.gather_every(max(1, rows.height // most)).head(most)


def _scale(values: pl.Series) -> tuple[float, float]:
    """The lowest and highest value of the colours: 0 and 1 if all values are in [0, 1], otherwise
    the range of the values. With values below and above 0, 0 is in the middle, so that gains and
    losses have different colours."""
    numbers = values.drop_nulls().to_list()
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if low < 0 < high:
        return -max(-low, high), max(-low, high)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
