"""Rewrites JSON in a judge's text as lines ``key: value``."""

import json
import re
from typing import Any

_MOST = 20
"""How many places are tried for JSON. A text with more braces is code."""


class _Object(list[tuple[str, Any]]):
    """A JSON object as pairs, so that a repeated key is not lost."""


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str
)
_BEGIN = re.compile(r"\{(?=\s*\")|\A\s*(?=\[)")
_NUMBER = re.compile(r"\W*[\d.]+\W*")
_KEY_PARTS = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def flattened(text: str) -> str:
    """``text`` with its JSON objects as lines; a text that is one JSON list becomes one line."""
    parts: list[str] = []
    at = 0
    for match in list(_BEGIN.finditer(text))[:_MOST]:
        start = match.end() if text[match.end() : match.end() + 1] == "[" else match.start()
        if start < at:
            continue
        try:
            value, end = _DECODER.raw_decode(text, start)
        except ValueError:
            continue
        except RecursionError:
            break
        if isinstance(value, _Object) or not text[end:].strip():
            parts += (text[at:start], "\n", _lines(value), "\n")
            at = end
    return "".join([*parts, text[at:]])


def _lines(value: Any) -> str:
    if isinstance(value, _Object):
        return "\n".join(
            _lines(inner) if isinstance(inner, _Object) else f"{_words(key)}: {_value(inner)}"
            for key, inner in value
        )
    if isinstance(value, list):
        items = [_lines(one) for one in value]
        if any(isinstance(one, _Object) for one in value):
            return "\n" + "\n".join(one.replace("\n", ", ") for one in items)
        lists = (isinstance(one, list) for one in value)
        return ", ".join(
            f"({one})" if inner else one for one, inner in zip(items, lists, strict=True)
        )
    return value if isinstance(value, str) else json.dumps(value)


def _value(value: Any) -> str:
    """The value of a key as text. A list of one number is not a number."""
    text = _lines(value)
    return f"list of {text}" if isinstance(value, list) and _NUMBER.fullmatch(text) else text


def _words(key: str) -> str:
    return " ".join(_KEY_PARTS.split(key))
