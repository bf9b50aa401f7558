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
        record = json.loads(raw)
    except ValueError:
        return raw
    if not isinstance(record, Mapping) or not record:
        return raw
    if set(record) <= {"items", "answers", "said"} and _texts(record.get("items")):
        return "\n".join(_item(record, number) for number in range(len(record["items"])))
    if all(isinstance(value, float) for value in record.values()):
        return ", ".join(f"{name} {value:.4g}" for name, value in record.items())
    return raw


def numbers_shown(numbers: str) -> str:
    """The numbers that decided a dropped row (``numbers`` of `schemas.Dropped`), in a line."""
    record = json.loads(numbers)
    return ", ".join(f"{name} {_short(value)}" for name, value in record.items())


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _texts(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, str) for item in items)


def _item(record: Mapping[str, Any], number: int) -> str:
    answers, words = record.get("answers", []), record.get("said", [])
    answer = answers[number] if number < len(answers) else None
    # Of an answer that could not be read, its words.
    unread = f" (unread: {words[number]!r})" if answer is None and number < len(words) else ""
    figure = "–" if answer is None else f"{answer:.2f}"
    return f"{figure}  {record['items'][number]}{unread}"
