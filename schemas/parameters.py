"""Parameters as YAML gives them: no unknown names, and no true or false for a number."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Parameters(BaseModel):
    """The base of what is written as a mapping in YAML. Errors do not show what was given: it may
    be a key that somebody typed in the wrong place."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, given: Any, info: ValidationInfo) -> Any:
        return refuse_truth(given, cls.model_fields[str(info.field_name)].annotation)


def refuse_truth(given: Any, kind: Any) -> Any:
    """``given`` as it is; raises ValueError where it, or a part of it, is true or false and
    ``kind``, the type of the field, has no place for that: pydantic would read 1 and 0."""
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
