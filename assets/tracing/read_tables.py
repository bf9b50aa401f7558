"""Reads the tables of a refresh, and takes the rows about some prompts out of them."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from assets.project.project import Project
from assets.rendering.beside_text import beside_text
from assets.storage.tables import Tables, table_exists


def stored_tables(
    project: Project, recipe: str, refresh: str, stages: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """The tables of a recipe at a refresh, with the prompts first and the held-out ones last."""
    tables = Tables(project.settings.root_path)
    names = ["prompts", *stages]
    stored = {
        name: tables.read((recipe, name), refresh)
        for name in names
        if refresh in tables.refreshes((recipe, name))
    }
    held_out = ("prompts", project.settings.held_out)
    if table_exists(tables.path(held_out, None)):
        stored["held_out"] = tables.read(held_out, None)
    return stored


def tables_about(
    project: Project, recipe: str, refresh: str, stages: Sequence[str], prompt_ids: pl.Series
) -> dict[str, pl.DataFrame]:
    """`about_prompts` of `stored_tables`, without reading the rows about other prompts."""
    tables, about = Tables(project.settings.root_path), dict[str, pl.DataFrame]()
    about_prompt = pl.col("prompt_id").is_in(prompt_ids.implode())
    answers: set[str] = set()
    for name in ["prompts", *stages]:
        if refresh not in tables.refreshes((recipe, name)):
            continue
        scored = pl.col("response_id").is_in(list(answers))

        def question(rows: pl.LazyFrame, scored: pl.Expr = scored) -> pl.LazyFrame:
            columns = rows.collect_schema()
            if "prompt_id" in columns:
                return rows.filter(about_prompt)
            return rows.filter(scored) if "response_id" in columns else rows

        about[name] = tables.select((recipe, name), refresh, question)
        for column in {"response_id", "node_id"} & set(about[name].columns):
            answers.update(about[name][column].drop_nulls())
    held_out = ("prompts", project.settings.held_out)
    if table_exists(tables.path(held_out, None)):
        about["held_out"] = tables.read(held_out, None).filter(about_prompt)
    return about


def about_prompts(
    stored: Mapping[str, pl.DataFrame], prompt_ids: Collection[str | None]
) -> dict[str, pl.DataFrame]:
    """The rows about some prompts, and the tables that are not about prompts."""
    answer_ids: set[str] = set()
    about = {}
    for name, frame in stored.items():
        if "prompt_id" in frame.columns:
            about[name] = frame.filter(pl.col("prompt_id").is_in(list(prompt_ids)))
            for column in ("response_id", "node_id"):
                if column in frame.columns:
                    answer_ids.update(about[name][column].drop_nulls())
        else:
            about[name] = frame
    for name, frame in about.items():
        if "response_id" in frame.columns and "prompt_id" not in frame.columns:
            about[name] = frame.filter(pl.col("response_id").is_in(answer_ids))
    return about


def prompt_of(stored: Mapping[str, pl.DataFrame], response_id: str | None) -> str | None:
    """The prompt of a response; None if no table has it."""
    if response_id is None:
        return None
    for frame in stored.values():
        if {"response_id", "prompt_id"} <= set(frame.columns):
            for prompt_id in frame.filter(response_id=response_id)["prompt_id"]:
                return str(prompt_id)
    return None


def beside_stored(
    project: Project, recipe: str, refresh: str | None, rows: pl.DataFrame
) -> pl.DataFrame:
    """``rows`` of a recipe after the texts that they are about, from the tables of the refresh
    (`assets.rendering.beside_text`)."""
    if refresh is None:
        return rows
    stages = [stage.name for stage in project.recipes[recipe].planned(project.settings)]
    return beside_text(rows, list(stored_tables(project, recipe, refresh, stages).values()))
