"""Puts the texts beside rows that hold only ids, such as scores."""

import polars as pl

from assets.project.project import Project
from assets.storage.tables import Tables

_HELD = {"text", "messages", "completions", "prompt"}


def beside_text(
    project: Project, recipe: str, refresh: str | None, rows: pl.DataFrame
) -> pl.DataFrame:
    """``rows`` of a recipe with the column ``response``: the text that each is about.

    Rows that hold their text, or whose text no stage of the recipe holds, are unchanged.
    """
    if "response_id" not in rows.columns or _HELD & set(rows.columns):
        return rows
    tables = Tables(project.settings.root_path)
    texts = [pl.DataFrame(schema={"response_id": pl.String, "response": pl.String})]
    for stage in project.recipes[recipe].planned(project.settings):
        if refresh in tables.refreshes((recipe, stage.name)):
            frame = tables.read((recipe, stage.name), refresh)
            if {"response_id", "text"} <= set(frame.columns):
                texts.append(frame.select("response_id", response="text"))
    known = pl.concat(texts).unique("response_id", keep="first", maintain_order=True)
    joined = rows.join(known, on="response_id", how="left", maintain_order="left")
    return joined.select("response", *rows.columns) if joined["response"].count() else rows
