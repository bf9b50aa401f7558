"""The prompts that a refresh would draw. Nothing is stored."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from assets.prompts.incremental_read import ReadResult, read_on
from assets.prompts.sample_prompts import draw
from assets.storage.tables import Question, Tables

Key = tuple[tuple[str, ...], str | None]


class _WithReads(Tables):
    """The tables of a project, as if sources had been read."""

    def __init__(self, tables: Tables, reads: dict[Key, ReadResult]) -> None:
        self.root = tables.root
        self._reads = reads

    def read(self, key: Sequence[str], refresh: str | None) -> pl.DataFrame:
        result = self._reads.get((tuple(key), refresh))
        return super().read(key, refresh) if result is None else result.split.kept

    def query(self, key: Sequence[str], refresh: str | None, question: Question) -> pl.DataFrame:
        result = self._reads.get((tuple(key), refresh))
        if result is None:
            return super().query(key, refresh, question)
        return question(result.split.kept.lazy()).collect()

    def select(self, key: Sequence[str], refresh: str | None, question: Question) -> pl.DataFrame:
        result = self._reads.get((tuple(key), refresh))
        if result is None:
            return super().select(key, refresh, question)
        return question(result.split.kept.lazy()).collect()

    def about(self, key: Sequence[str], refresh: str | None) -> dict[str, Any]:
        result = self._reads.get((tuple(key), refresh))
        return super().about(key, refresh) if result is None else dict(result.about)

    def refreshes(self, key: Sequence[str]) -> list[str]:
        read = {refresh for known, refresh in self._reads if known == tuple(key) and refresh}
        return sorted({*super().refreshes(key), *read})


def offered(
    project: Project, recipe: RecipeSpec, *, refresh: str, rows: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The prompts of a recipe at a refresh, and the held-out prompts: two `schemas.Prompts` tables.

    Args:
        project: The project.
        recipe: The recipe.
        refresh: The refresh.
        rows: The largest number of prompts.

    Raises:
        FactoryError: A source cannot be read.
    """
    settings = project.settings
    weights = recipe.weights(settings)
    reads: dict[Key, ReadResult] = {
        (("prompts", name), None if name == settings.held_out else refresh): _read(
            project, name, refresh=None if name == settings.held_out else refresh, rows=rows
        )
        for name in [*weights, settings.held_out]
    }
    held_out = reads[("prompts", settings.held_out), None].split.kept
    drawn = draw(
        _WithReads(project.tables, reads),
        recipe=recipe.name,
        refresh=refresh,
        rows=rows,
        weights=weights,
        held_out=held_out,
        referenced=recipe.fitted(settings).referenced,
    )
    return drawn.split.kept, held_out


def _read(project: Project, name: str, *, refresh: str | None, rows: int) -> ReadResult:
    source = project.sources[name]
    limit = source.rows
    return read_on(
        source.reader(),
        name=name,
        key=("prompts", name),
        refresh=refresh,
        limit=limit if limit is None or refresh is None else max(limit, rows),
        tables=project.tables,
        read={**source.read, "rows": limit} if refresh is None else source.read,
        readable=None if source.check is None else getattr(source.checker(), "readable", None),
    )
