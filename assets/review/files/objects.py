"""Reads a JSON list of objects, for the formats that are one."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from assets.review.files.entries import WrongFileError

Kind = TypeVar("Kind")


def objects(content: bytes) -> list[dict[str, Any]]:
    """The objects. Raises `WrongFileError` if the content is not a JSON list of objects."""
    try:
        records = json.loads(content)
    except ValueError as error:
        raise WrongFileError("", "", f"it cannot be read as JSON ({error})") from None
    if not isinstance(records, list):
        raise WrongFileError("", "", "it is not a JSON list")
    for number, each in enumerate(records, 1):
        if not isinstance(each, dict):
            raise WrongFileError(f"entry {number}", "", "it is no JSON object")
    return records


def member(
    record: Mapping[str, Any], name: str, kind: type[Kind], where: str, default: Kind | None = None
) -> Kind:
    """``held[name]``. Raises `WrongFileError` if it is not a ``kind``, or lacks and has no
    ``default``."""
    value = record.get(name, default)
    if not isinstance(value, kind):
        raise WrongFileError(where, name, f"there is no JSON {_NAMES[kind]}")
    return value


_NAMES: dict[type, str] = {dict: "object", list: "list"}
