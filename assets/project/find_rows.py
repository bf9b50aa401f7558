"""Finds stored rows by the names that users give on the command line and in the API."""

from typing import TYPE_CHECKING

import polars as pl

from assets.config.errors import FactoryError
from assets.project.exported_stage import exported_stage
from assets.project.given_prompts import given_prompts, given_tables
from assets.project.project import Project
from assets.storage.dataset_versions import SPLITS, Version, Versions
from schemas import Table
from schemas.near import near

if TYPE_CHECKING:
    from assets.storage.tables import Tables


def data_stage(project: Project, recipe: str) -> tuple[str, type[Table]]:
    """The stage whose rows a recipe is run for, and its table.

    Raises:
        FactoryError: The recipe has no such stage.
    """
    stage = exported_stage(project.recipes[recipe].planned(project.settings))
    if stage is None:
        raise FactoryError(f"recipe {recipe!r} makes no pairs, step labels or demonstrations")
    return stage.name, stage.gives


def found_table(
    project: Project, recipe: str, stage: str | None, *, refresh: str | None
) -> tuple[tuple[str, str], str | None, pl.DataFrame]:
    """Read the table of a stage.

    Args:
        project: The project.
        recipe: The name of a recipe, or ``prompts`` for the table of a source.
        stage: The name of a stage or source; by default as `data_stage` gives it.
        refresh: The refresh; by default the newest.

    Returns:
        The key of the table, its refresh, and its rows.

    Raises:
        FactoryError: There is no such table.
    """
    from assets.storage.tables import Tables

    tables = Tables(project.settings.root_path)
    if recipe == "prompts":
        tables_of_recipe = list(project.sources)
    else:
        planned = project.recipes[recipe].planned(project.settings)
        tables_of_recipe = ["prompts", *(each.name for each in planned)]
    name = stage or data_stage(project, recipe)[0]
    if name not in tables_of_recipe:
        raise FactoryError(f"{recipe} has no stage {name!r}; {near(name, tables_of_recipe)}")
    key = (recipe, name)
    if recipe == "prompts" and project.sources[name].fixed:
        return key, None, tables.read(key, None)
    day = found_refreshes(tables, recipe, name, refresh=refresh)[-1]
    return key, day, tables.read(key, day)


def found_refreshes(
    tables: "Tables", recipe: str, stage: str, *, refresh: str | None = None
) -> list[str]:
    """The refreshes of a stage that have rows, or only ``refresh``.

    Raises:
        FactoryError: The stage has no rows, or none at ``refresh``.
    """
    refreshes = list(tables.refreshes((recipe, stage)))
    if not refreshes:
        raise FactoryError(
            f"{recipe}/{stage} has no rows yet; make them: factory run {recipe} "
            f"(looked for in {tables.root})"
        )
    if refresh is not None and refresh not in refreshes:
        raise FactoryError(f"{recipe}/{stage} has no refresh {refresh}; {near(refresh, refreshes)}")
    return refreshes if refresh is None else [refresh]


def found_dataset(
    project: Project, name: str, *, version: int | None, split: str | None
) -> tuple[Version, pl.DataFrame]:
    """A curated dataset's version (by default the newest) and its rows, of one split or of both:
    its table's columns and where each row is from (`assets.datasets.curate.PROVENANCE`).

    Raises `FactoryError` if there is no such dataset, version or split.
    """
    if name not in project.datasets:
        raise FactoryError(project.datasets.missing(name))
    if split not in (None, *SPLITS):
        raise FactoryError(f"there is no split {split!r}; {near(str(split), SPLITS)}")
    versions = Versions(project.settings.root_path, name)
    chosen = versions.version(version)
    return chosen, versions.read(chosen, split)


def model_name(project: Project, name: str) -> str:
    """The name of a downstream model: ``assistant`` or ``models/assistant``.

    Raises:
        FactoryError: There is no such model.
    """
    plain = name.removeprefix("models/")
    if plain not in project.models:
        raise FactoryError(project.models.missing(plain))
    return plain


def dataset_name(project: Project, name: str) -> str:
    """``name``, if it is the name of a curated dataset.

    Raises:
        FactoryError: There is no such dataset.
    """
    if name not in project.datasets:
        raise FactoryError(f"there is no dataset {name!r}; {near(name, project.datasets)}")
    return name


def drawn_prompts(project: Project, recipe: str, refresh: str | None) -> pl.DataFrame:
    """The prompts of a recipe at a refresh; an empty table if they are not stored."""
    spec = project.recipes.get(recipe)
    stages = [] if spec is None else spec.planned(project.settings)
    return given_prompts(project.tables, recipe, given_tables(stages), refresh)
