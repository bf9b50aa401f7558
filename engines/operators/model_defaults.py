"""Fills in the parameters that depend on the model, for an operator whose recipe does not set them.

A default is taken from the role's ``defaults:`` in ``factory.yaml``, or else from the model's own
``generation_config.json`` (sampling only), or else from the role's profile.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engines.bindings import Binding
from engines.model_files import SAMPLING, number_of_weights, stated_sampling
from engines.profiles import LearningRate, Profile
from engines.protocol import EngineError
from schemas import Operator
from schemas.parameters import Parameters
from schemas.wrong_values import wrong_values

Filled = TypeVar("Filled", bound=Parameters)


@dataclass(frozen=True)
class Default:
    """The default of a parameter, and where it comes from."""

    value: Any
    origin: str


@dataclass(frozen=True)
class RoleDefaults:
    """The defaults of a role's model.

    Attributes:
        role: the role.
        binding: its binding.
        profile: the profile that the binding names.
    """

    role: str
    binding: Binding
    profile: Profile

    def get(self, name: str) -> Default | None:
        """The default ``name``, such as ``max_tokens`` or ``learning_rate.dpo``; None if there is
        none.

        Raises:
            EngineError: a file of the model cannot be read, or states something impossible.
        """
        if self.binding.defaults.sets(name):
            return self._plain(self.binding.defaults.value(name), f"defaults of {self.role}")
        if name in SAMPLING and name in (stated := stated_sampling(self.binding)):
            return Default(self._possible(name, stated[name]), "generation_config.json")
        if self.profile.sets(name):
            return self._plain(self.profile.value(name), f"profile {self.binding.profile}")
        return None

    def _plain(self, value: Any, origin: str) -> Default:
        if isinstance(value, LearningRate):
            return Default(value.of(number_of_weights(self.binding)), origin)
        if isinstance(value, BaseModel):
            return Default(value.model_dump(exclude_unset=True), origin)
        return Default(value, origin)

    def _possible(self, name: str, value: Any) -> Any:
        try:
            return Profile.model_validate({name: value}).value(name)
        except ValidationError as error:
            problem = wrong_values(error)[0].text
            raise EngineError(
                f"generation_config.json of {self.binding.model} has an impossible {name} "
                f"({problem}): set {name} in defaults: of the role {self.role!r}"
            ) from None


def with_model_defaults(
    operator: Operator, roles: Mapping[str, RoleDefaults]
) -> tuple[Operator, dict[str, str]]:
    """``operator`` and its nested operators with the defaults of their models.

    Args:
        operator: the operator.
        roles: the defaults of each role. An operator whose role is not among them is not changed.

    Returns:
        The operator, and the origin of each field that was filled in ("proposer.max_tokens":
            "profile chat").

    Raises:
        EngineError: a default cannot be read.
        ValidationError: the defaults do not fit the parameters that the recipe sets.
    """
    return _filled(operator, operator, roles)


def _filled(
    parameters: Filled, operator: Operator, roles: Mapping[str, RoleDefaults]
) -> tuple[Filled, dict[str, str]]:
    """``parameters``, which are of ``operator``, filled in."""
    changes: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for field, value in _nested(parameters):
        inner = value if isinstance(value, Operator) else operator
        changed, inner_origins = _filled(value, inner, roles)
        if inner_origins:
            changes[field] = changed
            origins |= {f"{field}.{name}": origin for name, origin in inner_origins.items()}
    used: dict[str, str] = {}
    while True:
        # One default may decide the name of another: with LoRA, the learning rate is another one.
        names = {
            field: name
            for field, name in parameters.model_defaults().items()
            if used.get(field) != name
            and (field in used or field not in parameters.model_fields_set)
        }
        used |= names
        for field, name in names.items():
            role = (operator.role_of(field) or "").partition("@")[0]
            default = roles[role].get(name) if role in roles else None
            if default is not None:
                changes[field] = default.value
                origins[field] = default.origin
        if not changes:
            return parameters, origins
        set_fields = {name: getattr(parameters, name) for name in parameters.model_fields_set}
        parameters = type(parameters).model_validate(set_fields | changes)
        changes = {}


def _nested(parameters: Parameters) -> Iterator[tuple[str, Parameters]]:
    for field in type(parameters).model_fields:
        value = getattr(parameters, field)
        if isinstance(value, Parameters):
            yield field, value
