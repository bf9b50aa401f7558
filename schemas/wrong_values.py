"""What is wrong with a value, in the user's words, where pydantic has words of its own."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from pydantic import ValidationError

from schemas.keys import holds_key
from schemas.near import near

_MAPPING = "a mapping: {name: value, ...}"
_LIST = "a list: [value, ...]"
_EXPECTED = {
    "int": "a whole number, such as 4",
    "float": "a number, such as 0.5",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text",
    "list": _LIST,
    "tuple": _LIST,
    "set": _LIST,
    "dict": _MAPPING,
    "mapping": _MAPPING,
    "model": _MAPPING,
    "date": "a date, such as 2026-01-31",
    "datetime": "a time, such as 2026-01-31T03:00:00Z",
}
"""What a field takes, by the first word of the types of pydantic's errors about it."""
_EXAMPLE = re.compile(r", such as \S+|: [\[{].*[\]}]")
_KINDS = re.compile(r"_(type|parsing|parsing_size|attributes_type|from_\w+|number)$")
"""How the types of errors end that say that a value is of a wrong kind."""
_BOUNDS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "{} or less"),
    "less_than": ("lt", "less than {}"),
}
_TAG = re.compile(r"[a-z-]+\[.*\]|constrained-\w+|\[key\]")
"""What pydantic adds to the location of a value that may be of several types."""
_SHOWN = re.compile(r"[A-Za-z_-]{1,20}|[-+]?\d[\d.,_]*\s?[A-Za-z%]{0,2}")
"""Texts that an error shows: a word, or a number with a unit. Another one may be a password."""

_NOTHING = object()


class WrongValue(NamedTuple):
    """What is wrong with a field.

    Attributes:
        place: The names of the field and of the fields that hold it, the outermost first.
        kind: Pydantic's type of the error, such as ``missing``.
        text: What was expected, and what was given.
    """

    place: tuple[str, ...]
    kind: str
    text: str


def wrong_values(error: ValidationError, given: Any = None) -> list[WrongValue]:
    """The fields that are wrong.

    A field that may be of several types has an error for each of them. They become one.

    Args:
        error: The error.
        given: The mapping that was validated. Without it, a name of a type may stay in a place.
    """
    by_place: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for problem in error.errors():
        by_place.setdefault(_place(problem, given), []).append(problem)
    return [
        WrongValue(place, problems[0]["type"], _either(problems))
        for place, problems in by_place.items()
        # The value has the right type for an inner field to be wrong.
        if len(problems[0]["loc"]) == len(place)
        or not any(other[: len(place)] == place and other != place for other in by_place)
    ]


def what_is_wrong(problem: Mapping[str, Any]) -> str:
    """What was expected of a value, and what was given: ``must be 1 or more; it is 0``."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in ("missing", "union_tag_not_found"):
        name = str(context.get("discriminator", "")).strip("'")
        return "is missing" if kind == "missing" else f"{name} is missing"
    if kind == "extra_forbidden":
        return "is no known name"
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        return _one_of(problem, str(context.get("expected", context.get("expected_tags"))))
    if kind.endswith(("too_short", "too_long")):
        return _length(problem)
    expected = _expected(problem)
    if expected is not None:
        given = problem["input"]
        unquoted = kind == "string_type" and isinstance(given, int | float | date)
        return f"must be {expected}; it is {_given(given)}{' without quotes' if unquoted else ''}"
    text = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text.replace("Input should be", "must be", 1)


def _place(problem: Mapping[str, Any], given: Any) -> tuple[str, ...]:
    """The names of a field and of those that hold it, without names of types."""
    place: list[str] = []
    inside = given
    for position, part in enumerate(problem["loc"]):
        value = _value_at(inside, part)
        absent = problem["type"] == "missing" and position == len(problem["loc"]) - 1
        is_name = given is None or value is not _NOTHING or absent or not place
        if is_name and not _TAG.fullmatch(str(part)):
            place.append(str(part))
            inside = value
    return tuple(place)


def _value_at(value: Any, name: Any) -> Any:
    """What a mapping or a list holds under a name or a number; `_NOTHING` if it does not."""
    if isinstance(value, Mapping):
        return value.get(name, _NOTHING)
    if isinstance(value, list | tuple) and isinstance(name, int) and name < len(value):
        return value[name]
    return _NOTHING


def _expected(problem: Mapping[str, Any]) -> str | None:
    """What a value must be; None if this is not known."""
    kind = problem["type"]
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        bound = problem["ctx"][name]
        return words.format(f"{bound:,}" if isinstance(bound, int) else f"{bound:g}")
    return _EXPECTED.get(kind.split("_")[0]) if _KINDS.search(kind) else None


def _either(problems: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a value that is of none of its possible types."""
    if len(problems) == 1:
        return what_is_wrong(problems[0])
    expected = [
        str(each["ctx"]["expected"]) if each["type"] == "literal_error" else _expected(each)
        for each in problems
    ]
    words = " or ".join(dict.fromkeys(_EXAMPLE.sub("", each) for each in expected if each))
    if not words:
        return what_is_wrong(problems[0])
    return f"must be {words}; it is {_given(problems[0]['input'])}"


def _one_of(problem: Mapping[str, Any], expected: str) -> str:
    given = problem.get("ctx", {}).get("tag", problem["input"])
    names = re.findall(r"'([^']*)'", expected)
    if isinstance(given, str) and len(names) > 1:
        hint = near(given, names)
        hint = f"; {hint}" if hint.startswith("did you mean") else ""
        return f"must be one of {', '.join(map(repr, names))}; it is {_given(given)}{hint}"
    return f"must be {expected}; it is {_given(given)}"


def _length(problem: Mapping[str, Any]) -> str:
    context = problem["ctx"]
    most = "max_length" in context
    bound = context["max_length" if most else "min_length"]
    if bound == 1 and not most:
        return "must not be empty"
    unit = "characters" if problem["type"].startswith("string") else "entries"
    has = f"; it has {len(problem['input'])}" if hasattr(problem["input"], "__len__") else ""
    return f"must have {bound:,} {unit} or {'fewer' if most else 'more'}{has}"


def _given(value: Any) -> str:
    """A value in words. Of a text only a word or a number is shown."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case int() | float() | date():
            return f"{value}"[:40]
        case str() if _SHOWN.fullmatch(value) and not holds_key(value):
            return repr(value)
        case str():
            return f"a text of {len(value):,} characters" if value else "an empty text"
        case Mapping():
            return "a mapping"
        case list() | tuple() | set():
            return "a list"
        case _:
            return f"a {type(value).__name__}"
