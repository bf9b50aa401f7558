"""The prompts that a refresh would draw. Nothing is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.execution.stage_context import RecipeContext, offered_to
from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import Stage
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


@dataclass(frozen=True)
class Offered:
    """The prompts of a recipe at a refresh.

    Attributes:
        prompts: Those that it draws.
        held_out: The held-out prompts.
        others: Those that its stages can draw from further sources, by `schemas.source_table`.
    """

    prompts: pl.DataFrame
    held_out: pl.DataFrame
    others: Mapping[str, pl.DataFrame]


def offered(
    project: Project, recipe: RecipeSpec, stages: Sequence[Stage], *, refresh: str, rows: int
) -> Offered:
    """The prompts of a recipe at a refresh.

    Args:
        project: The project.
        recipe: The recipe.
        stages: Its stages.
        refresh: The refresh.
        rows: The largest number of prompts.

    Raises:
        FactoryError: A source cannot be read.
    """
    settings = project.settings
    weights = recipe.weights(settings)
    asked = recipe.asked_of_sources(stages, settings, rows) | {settings.held_out: rows}
    days = {name: None if project.sources[name].fixed else refresh for name in asked}
    reads: dict[Key, ReadResult] = {
        (("prompts", name), day): _read(project, name, refresh=day, rows=asked[name])
        for name, day in days.items()
    }
    tables = _WithReads(project.tables, reads)
    held_out = reads[("prompts", settings.held_out), None].split.kept
    drawn = draw(
        tables,
        recipe=recipe.name,
        refresh=refresh,
        rows=rows,
        weights=weights,
        held_out=held_out,
        referenced=recipe.fitted(settings).referenced,
    )
    prompts = drawn.split.kept
    used = pl.col("prompt_id").is_in(pl.concat([prompts, held_out])["prompt_id"].implode())
    context = RecipeContext.of(recipe, stages)
    others: dict[str, pl.DataFrame] = {}
    for stage in stages:
        others |= offered_to(stage, context, refresh=refresh, tables=tables)
    return Offered(prompts, held_out, {name: frame.filter(~used) for name, frame in others.items()})


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
