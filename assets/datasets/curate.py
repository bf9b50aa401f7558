"""From all rows that recipes made to those of a curated dataset, and why each other one is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets.datasets.mixture import beyond
from assets.datasets.splits import splits
from assets.project.dataset import Cap
from filters.curation.texts import asked
from filters.filter import Filter
from schemas import Dropped, Prompts, Table, columns, contents, dropped

TOLD = ("recipe", "refresh", "source", "source_revision", "licence")
"""What every row says beside its table's columns: where it is from."""


@dataclass(frozen=True)
class Curated:
    """Rows with a column ``split``, oldest first; `schemas.Dropped` for all others; and by its key
    the split of every prompt that there is or was, to be remembered (`assets.datasets.splits`)."""

    rows: pl.DataFrame
    dropped: pl.DataFrame
    remembered: Mapping[str, str]


def curated(
    found: pl.DataFrame,
    table: type[Table],
    *,
    name: str,
    filters: Sequence[Filter],
    evaluations: Mapping[str, pl.DataFrame],
    held_out: float,
    weights: Mapping[str, float] | None,
    cap: Cap,
    remembered: Mapping[str, str] | None = None,
) -> Curated:
    """Choose among ``found``, rows of ``table`` with the columns `TOLD`.

    Rows count as older by refresh, then as they stand. Each of ``filters`` reads ``rows`` or
    ``prompts``, and ``evaluations`` by name. As many rows as come in are kept or dropped.
    """
    (unit,) = table.primary_key()
    rows = found.sort("refresh", maintain_order=True).with_row_index("row")
    stage = f"datasets/{name}"
    out: list[pl.DataFrame] = []

    def refuse(rows: pl.DataFrame, against: pl.DataFrame) -> pl.DataFrame:
        """``rows`` without those that ``against`` (``row``, ``reason``, ``numbers``) names."""
        told = rows.join(against, on="row", maintain_order="left")
        out.append(
            told.select(row_id=unit, stage=pl.lit(stage), reason="reason", numbers="numbers")
        )
        return rows.join(against, on="row", how="anti", maintain_order="left")

    split = _splits(rows, table, held_out, remembered or {})
    rows = refuse(rows, _same(rows, unit))
    for each in filters:
        rows = refuse(rows, _filtered(each, rows, table, evaluations))
    rows = rows.join(split.select("row", "split"), on="row", how="left", maintain_order="left")
    near = rows.filter(pl.col("split").is_null()).select(
        "row", reason=pl.lit("held out, and like a prompt that is trained on"), numbers=pl.lit("{}")
    )
    rows = refuse(rows, near)
    rows = refuse(rows, beyond(rows, weights, cap).with_columns(numbers=pl.lit("{}")))
    nothing = dropped(stage, "", [])
    return Curated(
        rows.drop("row"),
        pl.concat([nothing, *(part.cast(columns(Dropped)) for part in out)]),
        {**(remembered or {}), **dict(split.select("key", "own").iter_rows())},
    )


def asked_texts(rows: pl.DataFrame, table: type[Table]) -> pl.Series:
    """What each row's prompt says, system messages aside; an answer to nothing stands for its own
    prompt."""
    if "messages" not in table.columns():
        return rows.select(asked(pl.col("prompt"))).to_series()
    before = asked(pl.col("messages").list.slice(0, pl.col("messages").list.len() - 1))
    alone = pl.col("messages").list.len() < 2
    return rows.select(
        pl.when(alone).then(contents(pl.col("messages"))).otherwise(before).alias("prompt")
    ).to_series()


def _splits(
    rows: pl.DataFrame, table: type[Table], held_out: float, remembered: Mapping[str, str]
) -> pl.DataFrame:
    """``row``, ``key``, ``own`` and ``split``. Of all rows, those that a filter drops too: what it
    drops today it may keep tomorrow, and a cluster must only ever grow."""
    of = splits(asked_texts(rows, table), held_out, remembered)
    return of.select(rows["row"], "key", "own", "split")


def _same(rows: pl.DataFrame, unit: str) -> pl.DataFrame:
    """Rows that an older row of the same id is."""
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
    """What ``operator`` has against ``rows``: of itself, or of their prompts."""
    (unit,), given = table.primary_key(), table
    of_prompts = any(read.stage == "prompts" for read in operator.inputs())
    read = {"rows": rows.select(columns(table).names())}
    if of_prompts:
        read = {"prompts": _prompts(rows, table)}
        unit, given = "prompt_id", Prompts
    refused = operator.choose_rows({**read, **evaluations}, given).dropped
    against = refused.select("row_id", "reason", "numbers").unique("row_id", keep="first")
    told = rows.select("row", row_id=unit).join(against, on="row_id", maintain_order="left")
    return told.drop("row_id")


def _prompts(rows: pl.DataFrame, table: type[Table]) -> pl.DataFrame:
    """Each prompt of ``rows`` once, as `schemas.Prompts`."""
    messages = pl.col("prompt")
    if "messages" in table.columns():
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
    ).cast(columns(Prompts))
