"""Puts the texts beside rows that hold only ids, such as scores and evaluations."""

from collections.abc import Collection

import polars as pl

_TEXT_COLUMNS = {"text", "messages", "completions", "prompt"}
_TEXTS = {
    "response_id": {
        "response": pl.col("text"),
        "solution": pl.col("completions").list.join(""),
    },
    "pair_id": {
        f"{side}_text": pl.col(side).list.last().struct.field("content")
        for side in ("chosen", "rejected")
    },
    "prompt_id": {"prompt": pl.col("messages").list.last().struct.field("content")},
}
"""The texts of other tables, by the id that leads to them."""


def beside_text(rows: pl.DataFrame, tables: Collection[pl.DataFrame]) -> pl.DataFrame:
    """``rows`` after the texts that they are about: the response and the step of a score, the sides
    of a pair, or the prompt.

    Rows that hold their text, or whose text no table holds, are unchanged.

    Args:
        rows: The rows of a table.
        tables: Tables that may hold the texts, the first choice first.
    """
    unit = next((name for name in _TEXTS if name in rows.columns), None)
    if unit is None or _TEXT_COLUMNS & set(rows.columns):
        return rows
    rows = _after_steps(rows, tables)
    for name, text in _TEXTS[unit].items():
        # A labelled solution is a response, too.
        if name != "solution" or "response" not in rows.columns:
            rows = _joined(rows, tables, unit, name, text)
    return rows


def _joined(
    rows: pl.DataFrame, tables: Collection[pl.DataFrame], unit: str, name: str, text: pl.Expr
) -> pl.DataFrame:
    """``rows`` after the column ``name``, if a table has the text of any of them."""
    columns = {unit, *text.meta.root_names()}
    frames = [
        frame.select(unit, text.alias(name)) for frame in tables if columns <= {*frame.columns}
    ]
    if not frames:
        return rows
    texts = pl.concat(frames).unique(unit, keep="first", maintain_order=True)
    joined = rows.join(texts, on=unit, how="left", maintain_order="left")
    return joined.select(name, *rows.columns) if joined[name].count() else rows


def _after_steps(rows: pl.DataFrame, tables: Collection[pl.DataFrame]) -> pl.DataFrame:
    """``rows`` after the text of the step that each scores, if the responses are cut into steps."""
    if not {"response_id", "step"} <= set(rows.columns) or not rows["step"].count():
        return rows
    cut = [
        frame.select("response_id", "text", "steps")
        for frame in tables
        if {"response_id", "text", "steps"} <= {*frame.columns}
    ]
    if not cut:
        return rows
    steps = (
        pl.concat(cut)
        .drop_nulls("steps")
        .unique("response_id", keep="first", maintain_order=True)
        .explode("steps")
        .with_columns(step=pl.int_range(pl.len(), dtype=pl.Int32).over("response_id"))
        .select(
            "response_id",
            "step",
            scored_step=pl.col("text").str.slice(
                pl.col("steps").struct.field("start"),
                pl.col("steps").struct.field("end") - pl.col("steps").struct.field("start"),
            ),
        )
    )
    joined = rows.join(steps, on=["response_id", "step"], how="left", maintain_order="left")
    return joined.select("scored_step", *rows.columns)
