"""The types of fields of ``factory.yaml``, with their rules."""

import math
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from assets.config.yaml_file import LONGEST_NAME

_OWNER = r"team:\S+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}"


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise ValueError("a name is letters, digits, '_', '-' and '.'")
    return name


def _weights(sources: Mapping[str, float]) -> Mapping[str, float]:
    weights = sources.values()
    if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise ValueError("weights must be 0 or more, and at least one above 0")
    return sources


def _weights_of_recipes(
    recipes: Mapping[str, Mapping[str, float]],
) -> Mapping[str, Mapping[str, float]]:
    for sources in recipes.values():
        _weights(sources)
    return recipes


def _owners(owners: tuple[str, ...]) -> tuple[str, ...]:
    for owner in owners:
        if not re.fullmatch(_OWNER, owner):
            raise ValueError(
                f"{owner!r} is neither an e-mail address nor a team: write team:{owner}"
            )
    return owners


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_name)]
"""The name of a role, a source, a recipe or a profile."""
PathText = Annotated[str, Field(min_length=1)]
"""A path, as text."""
Weights = Annotated[Mapping[Name, float], Field(min_length=1), AfterValidator(_weights)]
"""The weight of each source."""
WeightsOfRecipes = Annotated[
    Mapping[Name, Mapping[Name, float]], AfterValidator(_weights_of_recipes)
]
"""The weight of each source, by recipe."""
Owners = Annotated[tuple[str, ...], AfterValidator(_owners)]
"""E-mail addresses, or teams as ``team:alignment``."""
