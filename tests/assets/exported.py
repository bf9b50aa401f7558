"""Exports of a recipe, as ``factory export`` makes them."""

from pathlib import Path

from assets.export.hub import Published
from assets.export.writer import Exported, in_folder, on_hub, recipe_writer
from assets.project.project import Project


def export_recipe(
    project: Project, recipe: str, folder: Path, *, format: str | None = None
) -> Exported:
    return in_folder(recipe_writer(project, recipe, format=format), folder)


def export_to_hub(
    project: Project, recipe: str, repo: str, *, public: bool, format: str | None = None
) -> tuple[Exported, Published]:
    return on_hub(recipe_writer(project, recipe, format=format), repo, public=public, of=recipe)
