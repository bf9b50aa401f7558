"""The operators of the four packages and their parameters, read from their classes."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from schemas import ModelDefault, Operator
from schemas.operator import RoleMark, SourceMark, Takes
from schemas.parameters import field_marks

PACKAGES = ("generators", "annotators", "filters", "trainers")


def list_operators() -> Iterator[dict[str, Any]]:
    """The operators of all packages, without the base classes of operators."""
    for package in PACKAGES:
        module = import_module(package)
        for name in sorted(module.__all__):
            kind = getattr(module, name)
            usable = isinstance(kind, type) and issubclass(kind, Operator)
            if not usable or not hasattr(kind, "gives"):
                continue
            if not (kind.__doc__ or "").startswith("Base class"):
                yield about_operator(f"{package}.{name}", kind)


def about_operator(name: str, kind: type[Operator]) -> dict[str, Any]:
    """What an operator takes, gives and asks of models, and its docstring."""
    marks = field_marks(kind)
    return {
        "name": name,
        "takes": {
            field: [table.__name__ for table in mark.tables]
            for field, mark in marks
            if isinstance(mark, Takes)
        },
        "sources": [field for field, mark in marks if isinstance(mark, SourceMark)],
        "gives": None if kind.gives is None else kind.gives.__name__,
        "roles": {field: list(mark.needs) for field, mark in marks if isinstance(mark, RoleMark)},
        "docstring": inspect.cleandoc(kind.__doc__ or ""),
    }


def parameters_of(kind: type[Operator]) -> list[dict[str, Any]]:
    """The fields of an operator: name, type, default, and whether the model's profile sets it."""
    of_the_model = {name for name, mark in field_marks(kind) if isinstance(mark, ModelDefault)}
    schema = kind.model_json_schema()["properties"]
    return [
        {
            "name": name,
            "type": _type(schema.get(name, {})),
            "required": field.is_required(),
            "default": None if field.is_required() else schema.get(name, {}).get("default"),
            "set by the model": name in of_the_model,
        }
        for name, field in kind.model_fields.items()
    ]


def _type(schema: dict[str, Any]) -> str:
    """The type of a field in a JSON schema, in a few words."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = str(schema.get("type", "any"))
    if kind == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    return kind
