"""The results of claims that were measured for the docs."""

import json
from collections.abc import Mapping
from typing import Any

from assets.config.bundled import bundled
from assets.project.recipe import RecipeSpec


def kept_claims(recipe: RecipeSpec) -> list[Mapping[str, Any]]:
    """The entries of a recipe in ``docs/claims.json``: one for each world that its claim was
    measured in."""
    results = bundled("docs/claims.json")
    if not results.is_file():
        return []
    entries = json.loads(results.read_text(encoding="utf-8"))
    return [entry for entry in entries if entry["id"] == recipe.name and is_of(entry, recipe)]


def is_of(result: Mapping[str, Any], recipe: RecipeSpec) -> bool:
    """Whether a result is of what the recipe claims now: of the same words, and over as many
    rounds where the result says how many."""
    rounds = result.get("rounds", recipe.rounds)
    return bool(result["claim"] == recipe.claim and rounds == recipe.rounds)
