"""The page of all recipes in the docs, with the stages of each."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from assets.project.recipe_plan import Stage
from assets.rendering.markdown import escaped, linked

if TYPE_CHECKING:
    from assets.config.settings import Settings
    from assets.project.recipe import RecipeSpec

GALLERY = "recipes.md"


def write_gallery(folder: Path, recipes: Iterable["RecipeSpec"], settings: "Settings") -> None:
    """Write ``recipes.md``: the recipes by family, with paper, claim and stages."""
    lines = ["# Recipes", "", "Written by `factory recipes --docs docs`, not by hand."]
    ordered = sorted(recipes, key=lambda recipe: (recipe.family, recipe.name))
    for family, members in groupby(ordered, key=lambda recipe: recipe.family):
        lines += ["", f"## {family}"]
        for recipe in members:
            lines += ["", *_entry(recipe, recipe.planned(settings))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GALLERY).write_text("\n".join(lines) + "\n")


def _entry(recipe: "RecipeSpec", stages: Iterable[Stage]) -> list[str]:
    paper = linked(recipe.paper.title, recipe.paper.code)
    control = f" Control: `{recipe.control}`." if recipe.control else ""
    claim = f"Claim: {escaped(recipe.claim)}.{control}"
    lines = [f"### {recipe.name}", "", f"*{paper}*", "", claim, ""]
    lines += ["| stage | operator | reads | what it does |", "| --- | --- | --- | --- |"]
    for stage in stages:
        operator = type(stage.operator)
        does = (operator.__doc__ or "").strip().partition("\n\n")[0]
        cells = (
            stage.name,
            f"`{operator.__module__.partition('.')[0]}.{operator.__name__}`",
            ", ".join(stage.reads),
            " ".join(does.split()).replace("|", "\\|"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines
