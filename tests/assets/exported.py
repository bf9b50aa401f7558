"""Exports of a recipe, as ``factory export`` makes them."""

from pathlib import Path

from assets.definitions import Floor
from assets.export import Exported, in_folder, on_hub, recipe_writer
from assets.hub import Published


def export_recipe(
    floor: Floor, recipe: str, folder: Path, *, format: str | None = None
) -> Exported:
    return in_folder(recipe_writer(floor, recipe, format=format), folder)


def export_to_hub(
    floor: Floor, recipe: str, repo: str, *, public: bool, format: str | None = None
) -> tuple[Exported, Published]:
    return on_hub(recipe_writer(floor, recipe, format=format), repo, public=public, of=recipe)
