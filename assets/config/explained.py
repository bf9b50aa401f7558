"""What is wrong with a field of ``factory.yaml``, in the user's words."""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from assets.config.operation import Alerts, Freshness, RecipeSchedule, Retries, Schedule
from assets.config.profiles import OwnProfile
from assets.config.variables import from_variable
from engines.bindings import Binding
from engines.profiles import ByTraining, LoRADefaults, Profile
from schemas.near import near
from schemas.wrong_values import wrong_values


def explained(error: ValidationError, settings: type[BaseModel]) -> str:
    """The fields that are wrong, and why.

    Args:
        error: The error.
        settings: The class of the configuration.
    """
    lines = []
    for problem in wrong_values(error):
        text = problem.text
        if problem.kind == "extra_forbidden":
            name = problem.place[-1]
            if (
                problem.place == ("roles", *problem.place[1:2], name)
                and name in Profile.model_fields
            ):
                text = f"belongs under 'defaults': defaults: {{{name}: …}}"
            else:
                text = f"unknown field; {near(name, _fields(problem.place, settings))}"
        where = from_variable(*problem.place)
        lines.append(f"field {'.'.join(problem.place)!r}: {text}{where}")
    return "; ".join(lines)


def _fields(where: tuple[str, ...], settings: type[BaseModel]) -> Mapping[str, object]:
    """The known fields at the place of an unknown field."""
    parts: Mapping[str, type[BaseModel]] = {
        "schedule": Schedule,
        "recipe_schedules": RecipeSchedule,
        "retries": Retries,
        "alerts": Alerts,
        "freshness": Freshness,
    }
    known = parts.get(where[0], Binding) if len(where) > 1 else settings
    inner = {"profiles": where[2:-1], "roles": where[3:-1]}.get(where[0], ())
    if where[0] == "profiles" or "defaults" in where[2:3]:
        known = OwnProfile if where[0] == "profiles" else Profile
        if inner:
            known = LoRADefaults if inner[0] == "lora" else ByTraining
    return known.model_fields
