"""Traces a row: its prompt, all answers to that prompt, and every score of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.project.find_rows import data_stage, found_refreshes
from assets.project.project import Project
from assets.storage.tables import Tables
from engines.operators.prompt_templates import message_text
from schemas.near import near

IDS = (
    "pair_id",
    "demonstration_id",
    "ranking_id",
    "node_id",
    "response_id",
    "prompt_id",
)
"""The columns that name a row, the first one that a table has."""
_SHOWN = 5
"""The most ids that an error names."""


@dataclass(frozen=True)
class Answer:
    """One answer to the prompt of a traced row.

    Attributes:
        response_id: Its id.
        stage: The stage that made it; None if only the row itself holds it.
        role: What it is in the row (``chosen``, ``rejected``, ``answer``); None for other answers.
        text: Its text.
        origin: The operator, model, parameters, seed and parents; None if they are not stored.
        scores: Its scores, each with the stage, the annotator's own words and the origin.
    """

    response_id: str
    stage: str | None
    role: str | None
    text: str
    origin: Mapping[str, Any] | None
    scores: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Trace:
    """A row and what it comes from. ``prompt`` is None if the prompt is not stored."""

    recipe: str
    stage: str
    refresh: str
    row: Mapping[str, Any]
    prompt: Mapping[str, Any] | None
    answers: Sequence[Answer]


def traced(
    project: Project, recipe: str, row_id: str, *, stage: str | None = None, day: str | None = None
) -> Trace:
    """Trace the row ``row_id`` of a recipe.

    Args:
        project: The project.
        recipe: The name of the recipe.
        row_id: The id of a pair, demonstration, ranking, node, response or prompt, or the start of
            one id only.
        stage: The stage to look in; by default all, the exported one first.
        day: The refresh to look in; by default all, the newest first.

    Raises:
        FactoryError: No row or several rows have such an id, or there is no such stage.
    """
    tables = Tables(project.settings.root_path)
    names = _stages(project, recipe)
    if stage is not None and stage not in names:
        raise FactoryError(f"{recipe} has no stage {stage!r}; {near(stage, names)}")
    looked_in = names if stage is None else [stage]
    if stage is not None:
        found_refreshes(tables, recipe, stage, refresh=day)
    found: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for name in looked_in:
        for refresh in reversed(tables.refreshes((recipe, name))):
            if day in (None, refresh):
                for found_id, row in _begins(tables.read((recipe, name), refresh), row_id):
                    found.setdefault(found_id, (name, refresh, row))
    matched = [row_id] if row_id in found else sorted(found)
    if not matched:
        where = f"{recipe}/{stage}" if stage else recipe
        raise FactoryError(f"no row of {where}{f' at {day}' if day else ''} has the id {row_id!r}")
    if len(matched) > 1:
        raise FactoryError(
            f"{len(matched):,} ids of {recipe} begin with {row_id!r}, such as "
            f"{', '.join(matched[:_SHOWN])}: give more of the id"
        )
    name, refresh, row = found[matched[0]]
    read = {
        each: tables.read((recipe, each), refresh)
        for each in names
        if refresh in tables.refreshes((recipe, each))
    }
    prompt_id = row.get("prompt_id") or _prompt_of(read, row.get("response_id"))
    prompts = read["prompts"].filter(prompt_id=prompt_id) if "prompts" in read else pl.DataFrame()
    prompt = None if prompts.is_empty() else prompts.row(0, named=True)
    return Trace(recipe, name, refresh, row, prompt, list(_answers(read, row, prompt_id)))


def _stages(project: Project, recipe: str) -> list[str]:
    """The stages of a recipe and its prompts, the exported stage first."""
    planned = [stage.name for stage in project.recipes[recipe].planned(project.settings)]
    try:
        first = data_stage(project, recipe)[0]
    except FactoryError:
        return [*planned, "prompts"]
    return [first, *(name for name in planned if name != first), "prompts"]


def _begins(frame: pl.DataFrame, start: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows whose id begins with ``start``, with their ids."""
    unit = next((name for name in IDS if name in frame.columns), None)
    if unit is not None:
        for row in frame.filter(pl.col(unit).str.starts_with(start)).iter_rows(named=True):
            yield row[unit], row


def _prompt_of(read: Mapping[str, pl.DataFrame], response_id: str | None) -> str | None:
    for frame in read.values():
        if {"response_id", "prompt_id"} <= set(frame.columns):
            for prompt_id in frame.filter(response_id=response_id)["prompt_id"]:
                return str(prompt_id)
    return None


def _answers(
    read: Mapping[str, pl.DataFrame], row: Mapping[str, Any], prompt_id: str | None
) -> Iterator[Answer]:
    """The answers of the row, then all others to the same prompt."""
    made: dict[str, tuple[str, dict[str, Any]]] = {}
    scored: dict[str, list[dict[str, Any]]] = {}
    for stage, frame in read.items():
        columns = set(frame.columns)
        if {"response_id", "prompt_id", "text"} <= columns:
            for each in frame.filter(prompt_id=prompt_id).iter_rows(named=True):
                made.setdefault(each["response_id"], (stage, each))
        if {"response_id", "annotator"} <= columns:
            for scores in frame.iter_rows(named=True):
                score = {**scores, "stage": None}
                known = scored.setdefault(score["response_id"], [])
                # A stage that gathers scores holds those of others again.
                if all(score != {**each, "stage": None} for each in known):
                    known.append({**score, "stage": stage})
    texts = _own(row)
    for response_id in [*texts, *(each for each in made if each not in texts)]:
        maker = made.get(response_id)
        role, text = texts.get(response_id, (None, ""))
        yield Answer(
            response_id,
            None if maker is None else maker[0],
            role,
            text if maker is None else maker[1]["text"],
            row.get("origin") if maker is None else maker[1]["origin"],
            scored.get(response_id, []),
        )


def _own(row: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The role and text of each answer of the row itself, by its id."""
    if "pair_id" in row:
        return {
            row[f"{side}_id"]: (side, message_text(row[side][-1]))
            for side in ("chosen", "rejected")
        }
    if row.get("response_id") is None:
        return {}
    if "messages" in row:
        return {row["response_id"]: ("answer", message_text(row["messages"][-1]))}
    return {row["response_id"]: ("answer", row.get("text") or "".join(row.get("completions", [])))}
