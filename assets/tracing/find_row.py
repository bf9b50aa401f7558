"""Finds a stored row of a recipe by its id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.project.find_rows import data_stage, found_refreshes
from assets.project.project import Project
from assets.storage.tables import Tables
from schemas.near import near

IDS = (
    "pair_id",
    "demonstration_id",
    "ranking_id",
    "node_id",
    "criterion_id",
    "response_id",
    "prompt_id",
)
"""The columns that name a row, the first one that a table has."""
_MOST_IDS = 5
"""The most ids that an error names."""


@dataclass(frozen=True)
class FoundRow:
    """A row, with its stage and refresh."""

    stage: str
    refresh: str
    row: Mapping[str, Any]


def find_row(
    project: Project, recipe: str, row_id: str, *, stage: str | None, day: str | None
) -> FoundRow:
    """Find a row; the arguments are those of `assets.tracing.trace.traced`.

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
    rows: dict[str, FoundRow] = {}
    for name in looked_in:
        for refresh in reversed(tables.refreshes((recipe, name))):
            if day in (None, refresh):
                for found_id, row in _begins(tables.read((recipe, name), refresh), row_id):
                    rows.setdefault(found_id, FoundRow(name, refresh, row))
    matched = [row_id] if row_id in rows else sorted(rows)
    if not matched:
        where = f"{recipe}/{stage}" if stage else recipe
        raise FactoryError(f"no row of {where}{f' at {day}' if day else ''} has the id {row_id!r}")
    if len(matched) > 1:
        raise FactoryError(
            f"{len(matched):,} ids of {recipe} begin with {row_id!r}, such as "
            f"{', '.join(matched[:_MOST_IDS])}: give more of the id"
        )
    return rows[matched[0]]


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
