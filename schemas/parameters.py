"""Parameters from YAML: unknown names, and true or false for a number, are errors."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class ModelDefault:
    """Marks a field whose default depends on the model, such as ``max_tokens``.

    When a recipe is planned, the field gets the default of the role's model
    (`engines.operators.model_defaults`) unless the recipe sets it. The field's own default holds
    only for an operator that runs without a plan, and for a model that has no such default.

    ``name``: the name of the default in `engines.profiles.Profile`; by default that of the field.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name


class Hardware:
    """Marks a field that says on what hardware an operator runs, such as ``devices``. It changes no
    result, so it is in no identity of a training and no version of a model."""


class Parameters(BaseModel):
    """The base class of mappings in YAML. Errors do not show values: one may be a key that was
    typed in the wrong place."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def model_defaults(self) -> dict[str, str]:
        """The fields that are marked with `ModelDefault`, each with the name of its default. A
        subclass may choose another name by its other fields."""
        return {
            field: mark.name or field
            for field, mark in field_marks(type(self))
            if isinstance(mark, ModelDefault)
        }

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_truth(value, cls.model_fields[str(info.field_name)].annotation)


@cache
def field_marks(parameters: type[BaseModel]) -> tuple[tuple[str, Any], ...]:
    """The marks of each field. An optional field keeps its mark inside the union."""
    return tuple(
        (name, mark)
        for name, field in parameters.model_fields.items()
        for mark in [
            *field.metadata,
            *(m for part in get_args(field.annotation) for m in getattr(part, "__metadata__", ())),
        ]
    )


def refuse_truth(value: Any, kind: Any) -> Any:
    """``value`` unchanged. ``kind``: the field's type.

    Raises:
        ValueError: the value, or a part of it, is true or false, and the type has no bool there.
            Pydantic would read 1 or 0.
    """
    if not isinstance(value, bool | Mapping | list):
        return value
    args = get_args(kind)
    if isinstance(value, bool) and not {bool, Any} & {kind, *args}:
        raise ValueError("must not be true or false")
    for either in args if get_origin(kind) in (Union, UnionType) else (kind,):
        parts = get_args(either)
        inside: Sequence[Any] = ()
        if isinstance(value, Mapping) and get_origin(either) in (dict, Mapping):
            inside = list(value.values())
        elif isinstance(value, list) and get_origin(either) in (list, tuple, Sequence):
            inside = value
        for each in inside:
            refuse_truth(each, parts[-1] if parts[-1] is not ... else parts[0])
    return value
