"""What an annotator said, and the numbers that decided a row, as a person reads them."""

import json
from collections.abc import Mapping
from typing import Any


def readable(raw: str) -> str:
    """The words of a score (``raw`` of `schemas.Scores`), readable.

    A judged checklist is one line an item, with its answer in [0, 1] before it. Numbers by name,
    such as the scores that a blend adds up, are one line. All else is shown as it was said.
    """
    try:
        told = json.loads(raw)
    except ValueError:
        return raw
    if not isinstance(told, Mapping) or not told:
        return raw
    if set(told) <= {"items", "answers", "said"} and _texts(told.get("items")):
        return "\n".join(_item(told, number) for number in range(len(told["items"])))
    if all(isinstance(value, float) for value in told.values()):
        return ", ".join(f"{name} {value:.4g}" for name, value in told.items())
    return raw


def numbers_shown(numbers: str) -> str:
    """The numbers that decided a dropped row (``numbers`` of `schemas.Dropped`), in a line."""
    told = json.loads(numbers)
    return ", ".join(f"{name} {_short(value)}" for name, value in told.items())


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _texts(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, str) for item in items)


def _item(told: Mapping[str, Any], number: int) -> str:
    answers, words = told.get("answers", []), told.get("said", [])
    answer = answers[number] if number < len(answers) else None
    # Of an answer that could not be read, its words.
    unread = f" (unread: {words[number]!r})" if answer is None and number < len(words) else ""
    figure = "–" if answer is None else f"{answer:.2f}"
    return f"{figure}  {told['items'][number]}{unread}"
