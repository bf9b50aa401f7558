"""The rows of JSON files, one per line or in a list. A malformed row does not affect others."""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

DEEPEST = 100
"""Levels of nested lists and mappings. Deeper values are not data, and may break recursive code."""

Rows = Iterator[tuple[str, Mapping[str, Any] | str]]
"""For each row its place, and its columns or (as a text) why it cannot be read."""


def json_lines(name: str, lines: Iterable[bytes]) -> Rows:
    """One row from each of the ``lines`` of file ``name`` that is not blank."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            yield where, f"not UTF-8: {error.reason} at byte {error.start}"
            continue
        try:
            row = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            opens = "; in JSON lines a row stands on one line" if text.strip() in ("{", "[") else ""
            yield where, f"{_reason(error)}{opens}"
        else:
            yield where, _row(row, text)


def json_rows(name: str, stream: IO[bytes]) -> Rows:
    """The rows of a JSON file: of its list (alone, or as ``{"data": […]}``), or its one row, or one
    row per line, because many ``.json`` files are JSON lines.

    After a malformed row, reading continues at the next row with the same indentation. If there is
    none, the error says where reading stopped.
    """
    # Bytes that are not UTF-8 become surrogates; their row is then rejected.
    text = stream.read().decode("utf-8-sig", errors="surrogateescape")
    place = _after_space(text, 0)
    alone = text.startswith("[", place)
    start = place if alone else _list_within(text, place)
    if start is None:
        yield from _one_document(name, text)
        return
    line, counted = 1, 0
    place = _after_space(text, start + 1)
    while not text.startswith("]", place):
        line, counted = line + text.count("\n", counted, place), place
        where = f"{name}, line {line}"
        reason, start = None, place
        try:
            row, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            reason = _reason(error)
        else:
            yield where, _row(row, text[start:end])
            place = _after_space(text, end)
            if text.startswith(",", place):
                place = _after_space(text, place + 1)
            elif not text.startswith("]", place):
                reason = "malformed JSON: this row is not followed by ',' or ']'"
        if reason is not None:
            following = _next_row(text, start)
            if following is None:
                yield where, f"{reason}; nothing after it can be read"
                return
            yield where, reason
            place = following
    if alone and (rest := _after_space(text, place + 1)) < len(text):
        where = f"{name}, line {text.count(chr(10), 0, rest) + 1}"
        yield where, "it stands after the end of the list, and nothing after it is read"


class WrittenFloat(float):
    """A float that prints as in the file. 64 bits hold only about sixteen of its digits."""

    def __new__(cls, written: str) -> "WrittenFloat":
        number = super().__new__(cls, written)
        number._written = written
        return number

    _written: str

    def __str__(self) -> str:
        return self._written


_DECODER = json.JSONDecoder(parse_float=WrittenFloat)
_SPACE = re.compile(r"[ \t\r\n]*")


def _list_within(text: str, place: int) -> int | None:
    """The offset of the list of rows in the mapping at ``place``: the value of ``data``, or of its
    only key. None if the mapping itself is a row; a list of messages belongs to a row."""
    if not text.startswith("{", place):
        return None
    values: dict[str, tuple[int, Any]] = {}
    try:
        while not text.startswith("}", place):
            key, end = _DECODER.raw_decode(text, _after_space(text, place + 1))
            start = _after_space(text, _after_space(text, end) + 1)
            # If a row is malformed or the file is cut off, only the start of the list is known.
            values[str(key)] = start, [{}]
            value, end = _DECODER.raw_decode(text, start)
            values[str(key)] = start, value
            place = _after_space(text, end)
    except (ValueError, RecursionError):
        values = {key: value for key, value in values.items() if key == "data"}
    else:
        if _after_space(text, place + 1) < len(text):
            return None
    name = "data" if "data" in values or len(values) != 1 else next(iter(values))
    start, value = values.get(name, (0, None))
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    listed = rows and not {"role", "from"} & rows[0].keys() and text.startswith("[", start)
    return start if listed else None


def _one_document(name: str, text: str) -> Rows:
    try:
        row = _DECODER.decode(text)
    except (ValueError, RecursionError):
        yield from json_lines(name, io.BytesIO(text.encode("utf-8", "surrogateescape")))
    else:
        yield f"{name}, line 1", _row(row, text)


def _after_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    assert space is not None
    return space.end()


def _next_row(text: str, place: int) -> int | None:
    """The offset of the next mapping with the same indentation as the one at ``place``."""
    start = text.rfind("\n", 0, place) + 1
    if text[start:place].strip():
        return None
    match = re.compile(rf"^{re.escape(text[start:place])}\{{", re.MULTILINE).search(text, place + 1)
    return None if match is None else match.end() - 1


def _row(row: Any, text: str) -> Mapping[str, Any] | str:
    if not isinstance(row, dict):
        return "not a JSON object {column: value}"
    if text.count("[") + text.count("{") > DEEPEST and _depth(row) > DEEPEST:
        return f"nested more than {DEEPEST} deep"
    return row


def _depth(value: Any) -> int:
    """The number of nested levels of lists and mappings."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        inside: list[Any] = []
        for each in level:
            inside += each.values() if isinstance(each, Mapping) else each
        level = [
            one
            for one in inside
            if isinstance(one, Mapping) or (isinstance(one, Sequence) and not isinstance(one, str))
        ]
    return depth


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "malformed JSON: nested too deep"
    if isinstance(error, json.JSONDecodeError):
        return f"malformed JSON: {error}"
    return "malformed JSON: a whole number of thousands of digits"
