"""Finds a stage's rows by what a user calls them."""

from typing import TYPE_CHECKING, NoReturn

import polars as pl

from assets.config.errors import FactoryError, near
from assets.project.project import Project
from assets.project.recipe_plan import exported_stage
from assets.storage.dataset_versions import SPLITS, Version, Versions
from schemas import Prompts, Table, empty

if TYPE_CHECKING:
    from assets.storage.tables import Tables


def data_stage(project: Project, recipe: str) -> tuple[str, type[Table]]:
    """The stage that holds what ``recipe`` makes, and its table: the last of
    `assets.project.recipe_plan.EXPORTED`."""
    stage = exported_stage(project.recipes[recipe].planned(project.settings))
    if stage is None:
        raise FactoryError(f"recipe {recipe!r} makes no pairs, step labels or demonstrations")
    return stage.name, stage.gives


def found_table(
    project: Project, recipe: str, stage: str | None, *, refresh: str | None
) -> tuple[tuple[str, str], str | None, pl.DataFrame]:
    """The table of a recipe's stage (by default what the recipe is for) at ``refresh`` (by default
    the newest): its key, its refresh, its rows. Raises `FactoryError` if there is none."""
    from assets.storage.tables import Tables

    tables = Tables(project.settings.root_path)
    if recipe == "prompts":
        known = list(project.sources)
    else:
        planned = project.recipes[recipe].planned(project.settings)
        known = ["prompts", *(each.name for each in planned)]
    name = stage or data_stage(project, recipe)[0]
    if name not in known:
        raise FactoryError(f"{recipe} has no stage {name!r}; {near(name, known)}")
    key = (recipe, name)
    if recipe == "prompts" and project.sources[name].fixed:
        return key, None, tables.read(key, None)
    day = found_refreshes(tables, recipe, name, refresh=refresh)[-1]
    return key, day, tables.read(key, day)


def found_refreshes(
    tables: "Tables", recipe: str, stage: str, *, refresh: str | None = None
) -> list[str]:
    """The refreshes of a stage that have rows, or ``refresh`` alone. Raises `FactoryError` where
    there is none."""
    there = list(tables.refreshes((recipe, stage)))
    if not there:
        raise FactoryError(
            f"{recipe}/{stage} has no rows yet; make them: factory run {recipe} "
            f"(looked for in {tables.root})"
        )
    if refresh is not None and refresh not in there:
        raise FactoryError(f"{recipe}/{stage} has no refresh {refresh}; {near(refresh, there)}")
    return there if refresh is None else [refresh]


def found_dataset(
    project: Project, name: str, *, version: int | None, split: str | None
) -> tuple[Version, pl.DataFrame]:
    """A curated dataset's version (by default the newest) and its rows, of one split or of both:
    its table's columns and where each row is from (`assets.datasets.curate.TOLD`).

    Raises `FactoryError` if there is no such dataset, version or split.
    """
    if name not in project.datasets:
        raise FactoryError(f"there is no dataset {name!r}; {near(name, project.datasets)}")
    if split not in (None, *SPLITS):
        raise FactoryError(f"there is no split {split!r}; {near(str(split), SPLITS)}")
    versions = Versions(project.settings.root_path, name)
    found = versions.version(version)
    return found, versions.read(found, split)


def refuse_dataset_report(project: Project, name: str) -> NoReturn:
    """Raises `FactoryError`: a report tells how rows were made, which is a recipe's matter."""
    if name not in project.datasets:
        raise FactoryError(f"there is no dataset {name!r}; {near(name, project.datasets)}")
    told = ", ".join(f"factory report {recipe}" for recipe in project.datasets[name].parts)
    raise FactoryError(f"a report is of a recipe, and datasets/{name} is made from: {told}")


def drawn_prompts(project: Project, recipe: str, refresh: str | None) -> pl.DataFrame:
    """The prompts that ``recipe`` drew at ``refresh``; none where they are not kept."""
    from assets.storage.tables import Tables

    tables = Tables(project.settings.root_path)
    if refresh not in tables.refreshes((recipe, "prompts")):
        return empty(Prompts)
    return tables.read((recipe, "prompts"), refresh)
