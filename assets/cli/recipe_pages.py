"""The page of all recipes in the docs, with the stages of each."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from assets.cli.recipe_list import KINDS, needs_of
from assets.rendering.markdown import cited, escaped
from assets.report.claim import documented
from schemas import source_table

if TYPE_CHECKING:
    from assets.config.settings import Settings
    from assets.project.recipe import RecipeSpec

GALLERY = "recipes.md"


def write_gallery(folder: Path, recipes: Iterable["RecipeSpec"], settings: "Settings") -> None:
    """Write ``recipes.md``: what each recipe needs to know of its prompts, and the recipes by
    family, with paper, claim, results, needs and stages."""
    lines = ["# Recipes", "", "Written by `factory recipes --docs docs`, not by hand."]
    recipes = list(recipes)
    lines += ["", *_needs(recipes, settings)]
    ordered = sorted(recipes, key=lambda recipe: (recipe.family, recipe.name))
    for family, members in groupby(ordered, key=lambda recipe: recipe.family):
        lines += ["", f"## {family}"]
        for recipe in members:
            lines += ["", *_entry(recipe, settings)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GALLERY).write_text("\n".join(lines) + "\n")


def _needs(recipes: Iterable["RecipeSpec"], settings: "Settings") -> list[str]:
    """What each recipe needs to know of the right answers to its prompts, as a table."""
    lines = [
        "What a recipe needs of its prompts: a check of answers (`check:` of their source),",
        "references, or problems that its simulated annotators read (those of the pocket world).",
        "Without it the recipe is refused when it loads, unless the stages are set as the last",
        "column says. A policy is validated by a judge where there is no check.",
        "",
        "| recipe | needs | runs without it with |",
        "| --- | --- | --- |",
    ]
    for recipe in sorted(recipes, key=lambda recipe: recipe.name):
        fitted = recipe.on_bare_prompts(settings)
        kinds = dict.fromkeys(KINDS[need.truth] for need in fitted.lacking.values())
        needs = ", ".join(kinds) or "nothing"
        if fitted.left_out:
            needs += f"; its claim needs a check (`{next(iter(fitted.left_out))}`)"
        variants = [f"`{name}: {need.instead}`" for name, need in fitted.lacking.items()]
        possible = all(need.instead for need in fitted.lacking.values())
        lines.append(f"| {recipe.name} | {needs} | {', '.join(variants) if possible else ''} |")
    return lines


def _entry(recipe: "RecipeSpec", settings: "Settings") -> list[str]:
    lines = [f"### {recipe.name}", ""]
    if (paper := recipe.paper) is not None:
        lines += [f"*{cited(paper.title, paper.page, paper.code)}*", ""]
    if recipe.claim is not None:
        control = f" Control: `{recipe.control}`." if recipe.control else ""
        lines += [f"Claim: {escaped(recipe.claim)}.{control}", ""]
    for finding in documented(recipe):
        sentence = escaped(f"{finding.verdict or 'not measured'} on {finding.on}: {finding.says}")
        lines += [f"Result: {sentence}.", ""]
    lines += [f"Needs: {', '.join(needs_of(recipe, settings)) or 'nothing'}.", ""]
    lines += ["| stage | operator | reads | what it does |", "| --- | --- | --- | --- |"]
    for stage in recipe.planned(settings):
        operator = type(stage.operator)
        does = (operator.__doc__ or "").strip().partition("\n\n")[0]
        cells = (
            stage.name,
            f"`{operator.__module__.partition('.')[0]}.{operator.__name__}`",
            ", ".join([*map(source_table, stage.sources), *stage.reads]),
            " ".join(does.split()).replace("|", "\\|"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines
