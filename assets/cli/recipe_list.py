"""What ``factory recipes`` lists."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.project.recipe import RecipeSpec
from assets.project.refusal import FILE
from schemas import Truth

if TYPE_CHECKING:
    from assets.config.settings import Settings
    from assets.project.project import Project

KINDS: Mapping[Truth, str] = {
    "check": "a check",
    "opinion": "a check",
    "rollouts": "a check (of rollouts)",
    "steps": "a check that knows steps",
    "reference": "references",
    "world": "prompts that its simulated annotators read",
}
"""What a recipe needs of its prompts, in words."""


def listed_recipes(
    project: "Project", words: Collection[str], family: str | None
) -> list[dict[str, Any]]:
    """The recipes by family, with those that cannot be used, as ``factory recipes --json`` prints
    them.

    Args:
        project: The project.
        words: Words that a recipe has in its name, family, paper or claim. All of them must be
            there, in any case of letters.
        family: A family; None: all.
    """
    settings, refused = project.settings, project.refused
    listed = [
        {
            "id": recipe.name,
            "family": recipe.family,
            "paper": recipe.paper and recipe.paper.model_dump(),
            "year": recipe.paper and recipe.paper.year,
            "claim": recipe.claim,
            "stages": [stage.name for stage in recipe.planned(settings)],
            "needs": needs_of(recipe, settings),
            "refreshed": next(reversed(project.tables.refreshes((recipe.name, "prompts"))), None),
            "refused": str(refused[recipe.name]) if recipe.name in refused else None,
        }
        for recipe in sorted(project.recipes.values(), key=lambda r: (r.family, r.name))
    ]
    listed += [
        {
            "id": each.name,
            "family": Path(each.file).parent.parent.name,
            "paper": None,
            "year": None,
            "claim": None,
            "stages": [],
            "needs": [],
            "refreshed": None,
            "refused": str(each.error),
        }
        for each in project.refusals
        if each.kind in (RecipeSpec.kind, FILE) and each.name not in project.recipes
    ]
    return [
        each
        for each in listed
        if family in (None, each["family"]) and all(_has(each, word) for word in words)
    ]


def _has(recipe: Mapping[str, Any], word: str) -> bool:
    paper = recipe["paper"] or {}
    texts = (recipe["id"], recipe["family"], recipe["claim"], paper.get("title"))
    searched = " ".join(filter(None, (*texts, paper.get("arxiv"))))
    return word.lower() in searched.lower()


def needs_of(recipe: RecipeSpec, settings: "Settings") -> list[str]:
    """The roles that a recipe needs, and what its prompts must have."""
    roles = sorted(
        {
            use.role.partition("@")[0]
            for stage in recipe.planned(settings)
            for use in stage.operator.roles()
        }
    )
    lacking = recipe.on_bare_prompts(settings).lacking.values()
    return [*roles, *dict.fromkeys(KINDS[need.truth] for need in lacking)]
