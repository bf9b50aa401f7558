"""Parameters from YAML: unknown names, and true or false for a number, are errors."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Parameters(BaseModel):
    """The base class of mappings in YAML. Errors do not show values: one may be a key that was
    typed in the wrong place."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, given: Any, info: ValidationInfo) -> Any:
        return refuse_truth(given, cls.model_fields[str(info.field_name)].annotation)


def refuse_truth(given: Any, kind: Any) -> Any:
    """``given`` unchanged. ``kind``: the field's type.

    Raises:
        ValueError: the value, or a part of it, is true or false, and the type has no bool there.
            Pydantic would read 1 or 0.
    """
    args = get_args(kind)
    if isinstance(given, bool) and not {bool, Any} & {kind, *args}:
        raise ValueError("must not be true or false")
    for either in args if get_origin(kind) in (Union, UnionType) else (kind,):
        parts = get_args(either)
        inside: Sequence[Any] = ()
        if isinstance(given, Mapping) and get_origin(either) in (dict, Mapping):
            inside = list(given.values())
        elif isinstance(given, list) and get_origin(either) in (list, tuple, Sequence):
            inside = given
        for each in inside:
            refuse_truth(each, parts[-1] if parts[-1] is not ... else parts[0])
    return given
