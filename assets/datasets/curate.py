"""Selects the rows of a curated dataset, and gives a reason for each row that is dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets.datasets.mixture import beyond
from assets.datasets.splits import Splits, splits
from assets.datasets.stored_clusters import StoredClusters
from assets.project.dataset import Cap
from filters.curation.texts import asked
from filters.filter import Filter
from schemas import Dropped, Prompts, Table, columns, contents, dropped

PROVENANCE = ("recipe", "refresh", "source", "source_revision", "licence")
"""The columns on the origin of a row, in addition to the columns of its table."""


@dataclass(frozen=True)
class Curated:
    """The result of a curation.

    Attributes:
        rows: The kept rows, oldest first, with a column ``split``.
        dropped: `schemas.Dropped` of all other rows.
        remembered: The split of every prompt so far, by its key (`assets.datasets.splits`).
        clusters: Int64[rows]: the cluster of the prompt of each kept row.
        splits: The splits of all rows, with the clusters to store.
    """

    rows: pl.DataFrame
    dropped: pl.DataFrame
    remembered: Mapping[str, str]
    clusters: pl.Series
    splits: Splits


def curated(
    gathered: pl.DataFrame,
    table: type[Table],
    *,
    name: str,
    filters: Sequence[Filter],
    evaluations: Mapping[str, pl.DataFrame],
    held_out: float,
    weights: Mapping[str, float] | None,
    cap: Cap,
    remembered: Mapping[str, str] | None = None,
    stored: StoredClusters | None = None,
) -> Curated:
    """Select the rows of a curated dataset. Every row is either kept or dropped.

    Args:
        gathered: Rows of ``table`` with the columns `PROVENANCE` and ``task``, which is null unless
            the prompt is a question to a judge. They are ordered by refresh, then by their place in
            the frame.
        table: The table of the rows.
        name: The name of the dataset.
        filters: Filters that read ``rows`` or ``prompts``, and ``evaluations`` by name.
        evaluations: Evaluation prompts, by the name that the filters use.
        held_out: The share of clusters of prompts to hold out, in [0, 1).
        weights: The weight of each recipe; None keeps all rows.
        cap: The largest numbers of rows.
        remembered: The split of earlier prompts, by key.
        stored: The stored clusters of earlier prompts.
    """
    (unit,) = table.primary_key()
    rows = gathered.sort("refresh", maintain_order=True).with_row_index("row")
    stage = f"datasets/{name}"
    out: list[pl.DataFrame] = []

    def refuse(rows: pl.DataFrame, against: pl.DataFrame) -> pl.DataFrame:
        """Drop the rows in ``against`` (``row``, ``reason``, ``numbers``); return the others."""
        refused = rows.join(against, on="row", maintain_order="left")
        out.append(
            refused.select(row_id=unit, stage=pl.lit(stage), reason="reason", numbers="numbers")
        )
        return rows.join(against, on="row", how="anti", maintain_order="left")

    # Of all rows, even of dropped ones: a filter may keep tomorrow what it drops today, and
    # clusters must never lose a prompt. Questions to a judge are split as the tasks that they are
    # about: both orders of a pair, and all pairs of a task, are in one split, and the words that
    # all questions share join none.
    tasks = rows.select(pl.coalesce("task", asked_texts(rows)).alias("prompt")).to_series()
    found = splits(tasks, held_out, remembered, stored)
    split = found.rows.select(rows["row"], "cluster", "split")
    rows = refuse(rows, _same(rows, unit))
    for each in filters:
        rows = refuse(rows, _filtered(each, rows, table, evaluations))
    rows = rows.join(split, on="row", how="left", maintain_order="left")
    near = rows.filter(pl.col("split").is_null()).select(
        "row", reason=pl.lit("held out, and like a prompt that is trained on"), numbers=pl.lit("{}")
    )
    rows = refuse(rows, near)
    rows = refuse(rows, beyond(rows, weights, cap).with_columns(numbers=pl.lit("{}")))
    nothing = dropped(stage, "", [])
    return Curated(
        rows.drop("row", "cluster", "task"),
        pl.concat([nothing, *(part.cast(columns(Dropped)) for part in out)]),
        {**(remembered or {}), **dict(found.rows.select("key", "own").iter_rows())},
        rows["cluster"],
        found,
    )


def asked_texts(rows: pl.DataFrame) -> pl.Series:
    """What each row's prompt says, system messages aside; an answer to nothing stands for its own
    prompt."""
    if "messages" not in rows.columns:
        return rows.select(asked(pl.col("prompt"))).to_series()
    before = asked(pl.col("messages").list.slice(0, pl.col("messages").list.len() - 1))
    alone = pl.col("messages").list.len() < 2
    return rows.select(
        pl.when(alone).then(contents(pl.col("messages"))).otherwise(before).alias("prompt")
    ).to_series()


def _same(rows: pl.DataFrame, unit: str) -> pl.DataFrame:
    """The rows whose id an older row has, with ``reason`` and ``numbers``."""
    first = rows.group_by(unit, maintain_order=True).agg(
        pl.col("row", "recipe", "refresh").first().name.prefix("kept_")
    )
    again = rows.join(first, on=unit, maintain_order="left").filter(
        pl.col("row") != pl.col("kept_row")
    )
    kept = pl.struct(recipe="kept_recipe", refresh="kept_refresh").struct.json_encode()
    return again.select("row", reason=pl.lit("the same row"), numbers=kept)


def _filtered(
    operator: Filter,
    rows: pl.DataFrame,
    table: type[Table],
    evaluations: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    """The rows that a filter drops, with ``reason`` and ``numbers``.

    A filter of prompts drops all rows of a dropped prompt.
    """
    (unit,), gives = table.primary_key(), table
    of_prompts = any(read.stage == "prompts" for read in operator.inputs())
    inputs = {"rows": rows.select(columns(table).names())}
    if of_prompts:
        inputs = {"prompts": prompts_of(rows)}
        unit, gives = "prompt_id", Prompts
    refused = operator.choose_rows({**inputs, **evaluations}, gives).dropped
    against = refused.select("row_id", "reason", "numbers").unique("row_id", keep="first")
    against = rows.select("row", row_id=unit).join(against, on="row_id", maintain_order="left")
    return against.drop("row_id")


def prompts_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The distinct prompts of ``rows``, as a `schemas.Prompts` table."""
    messages = pl.col("prompt")
    if "messages" in rows.columns:
        length = pl.col("messages").list.len()
        messages = pl.col("messages").list.slice(0, pl.max_horizontal(length - 1, 1))
    once = rows.unique("prompt_id", keep="first", maintain_order=True)
    return once.select(
        "prompt_id",
        messages.alias("messages"),
        pl.lit(None, pl.String).alias("reference"),
        pl.col("source").fill_null("unknown"),
        pl.col("source_revision").fill_null(""),
        pl.col("licence").fill_null(""),
        "task",
    ).cast(columns(Prompts))
