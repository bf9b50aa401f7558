"""What the filters of a curated dataset decide about its rows."""

from collections.abc import Callable

import polars as pl

from assets.datasets.rules import Rules, of_prompts
from filters.filter import Earlier, Filter
from schemas import Prompts, columns

Read = Callable[[pl.Series], pl.DataFrame]
"""Reads rows by their numbers, which ascend."""


def filtered(
    operator: Filter,
    rows: pl.DataFrame,
    rules: Rules,
    before: pl.DataFrame | None,
    *,
    step: int,
    read: Read,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that a filter drops: ``place``, ``reason`` and ``numbers``; and the marks of rows.

    A filter of prompts drops all rows of a dropped prompt.

    Args:
        operator: The filter.
        rows: The rows, with ``place``.
        rules: The table and the evaluation prompts.
        before: The decisions about earlier rows.
        step: The step of the filter.
        read: Reads earlier rows.
    """
    (unit,) = rules.table.primary_key()
    marks = rows.select("place").clear()
    reached = None
    if before is not None:
        numbered = before.with_row_index("number")
        reached = numbered.filter(pl.col("step").is_null() | (pl.col("step") >= step))
    if of_prompts(operator):
        unit = "prompt_id"
        known = [] if reached is None else [_known_prompts(reached, rows, step)]
        asked = pl.concat([*(each["row_id"] for each in known), pl.Series([], dtype=pl.String)])
        new = rows.filter(~pl.col("prompt_id").is_in(asked.implode()))
        inputs = {"prompts": prompts_of(new), **rules.evaluations}
        split = operator.choose_rows(inputs, Prompts)
        found = pl.concat([*known, split.dropped.select("row_id", "reason", "numbers")]).drop_nulls(
            "reason"
        )
    else:
        frame = rows.select(columns(rules.table).names())
        if operator.in_order:
            earlier = Earlier(pl.Series([], dtype=pl.String), None, read)
            if reached is not None:
                numbers, ids = reached["number"], reached["row_id"]
                noted = reached[f"marks {step}"].struct.unnest()
                earlier = Earlier(ids, noted, lambda wanted: read(numbers.gather(wanted)))
            split, noted = operator.choose_more(frame, rules.table, earlier)
            marks = rows.select("place").with_columns(
                noted.select(pl.struct(pl.all()).alias(f"marks {step}"))
            )
        else:
            split = operator.choose_rows({"rows": frame, **rules.evaluations}, rules.table)
        found = split.dropped.select("row_id", "reason", "numbers")
    against = found.unique("row_id", keep="first")
    dropped = rows.select("place", row_id=unit).join(against, on="row_id", maintain_order="left")
    return dropped.drop("row_id"), marks


def _known_prompts(reached: pl.DataFrame, rows: pl.DataFrame, step: int) -> pl.DataFrame:
    """What a filter decided about prompts of ``rows`` when they first came to it."""
    mine = reached.filter(pl.col("prompt_id").is_in(rows["prompt_id"].unique().implode()))
    first = mine.unique("prompt_id", keep="first", maintain_order=True)
    decided = pl.col("step") == step
    return first.select(
        pl.when(decided).then("reason"), pl.when(decided).then("numbers"), row_id="prompt_id"
    ).select("row_id", "reason", "numbers")


def prompts_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The distinct prompts of ``rows``, as a `schemas.Prompts` table."""
    messages = pl.col("prompt")
    if "messages" in rows.columns:
        length = pl.col("messages").list.len()
        messages = pl.col("messages").list.slice(0, pl.max_horizontal(length - 1, 1))
    once = rows.unique("prompt_id", keep="first", maintain_order=True)
    # Rows of a published version do not say their task.
    task = "task" if "task" in rows.columns else pl.lit(None, pl.String).alias("task")
    return once.select(
        "prompt_id",
        messages.alias("messages"),
        pl.lit(None, pl.String).alias("reference"),
        pl.col("source").fill_null("unknown"),
        pl.col("source_revision").fill_null(""),
        pl.col("licence").fill_null(""),
        task,
    ).cast(columns(Prompts))
