"""The rows of JSON, a line each or in a list, in which one odd row costs no other."""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

DEEPEST = 100
"""Lists and mappings within each other. More are no data, and what walks them may fail."""

Found = Iterator[tuple[str, Mapping[str, Any] | str]]
"""Each row's place, and what it holds or (a text) why it cannot be read."""


def json_lines(name: str, lines: Iterable[bytes]) -> Found:
    """A row from each of the ``lines`` of the file ``name`` that is not blank."""
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
            yield where, _reason(error)
        else:
            yield where, _row(row, text)


def json_rows(name: str, stream: IO[bytes]) -> Found:
    """The rows of the list that the file holds (alone, or as ``{"data": […]}``), or the one row
    that it is, or those of its lines: many files that are called .json hold a row a line.

    Where a row is malformed, reading goes on at the next that begins a line as that did; where none
    does, the place beyond which nothing can be read is told.
    """
    # Bytes that are not UTF-8 become half characters, for which their row is refused.
    text = stream.read().decode("utf-8-sig", errors="surrogateescape")
    place = _after_space(text, 0)
    start = place if text.startswith("[", place) else _list_within(text, place)
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
                reason = "malformed JSON: neither ',' nor ']' stands after this row"
        if reason is not None:
            following = _next_row(text, start)
            if following is None:
                yield where, f"{reason}; nothing after it can be read"
                return
            yield where, reason
            place = following


class WrittenFloat(float):
    """A number that, as text, is what the file has: 64 bits hold sixteen of its digits."""

    def __new__(cls, written: str) -> "WrittenFloat":
        made = super().__new__(cls, written)
        made._written = written
        return made

    _written: str

    def __str__(self) -> str:
        return self._written


_DECODER = json.JSONDecoder(parse_float=WrittenFloat)
_SPACE = re.compile(r"[ \t\r\n]*")


def _list_within(text: str, place: int) -> int | None:
    """Where the list of rows begins that the mapping at ``place`` has as ``data``, or as all that
    it holds; none where it is a row itself (a list of messages is of a row)."""
    if not text.startswith("{", place):
        return None
    found: dict[str, tuple[int, Any]] = {}
    try:
        while not text.startswith("}", place):
            key, end = _DECODER.raw_decode(text, _after_space(text, place + 1))
            start = _after_space(text, _after_space(text, end) + 1)
            # Where one of the rows is malformed, or the file is cut off, nothing else is known.
            found[str(key)] = start, [{}]
            value, end = _DECODER.raw_decode(text, start)
            found[str(key)] = start, value
            place = _after_space(text, end)
    except (ValueError, RecursionError):
        found = {key: told for key, told in found.items() if key == "data"}
    else:
        if _after_space(text, place + 1) < len(text):
            return None
    name = "data" if "data" in found or len(found) != 1 else next(iter(found))
    start, value = found.get(name, (0, None))
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    listed = rows and not {"role", "from"} & rows[0].keys() and text.startswith("[", start)
    return start if listed else None


def _one_document(name: str, text: str) -> Found:
    try:
        row = _DECODER.decode(text)
    except (ValueError, RecursionError):
        yield from json_lines(name, io.BytesIO(text.encode("utf-8", "surrogateescape")))
    else:
        yield f"{name}, line 1", _row(row, text)


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()


def _next_row(text: str, place: int) -> int | None:
    """Where the next mapping begins that stands as far into its line as the one at ``place``."""
    start = text.rfind("\n", 0, place) + 1
    if text[start:place].strip():
        return None
    found = re.compile(rf"^{re.escape(text[start:place])}\{{", re.MULTILINE).search(text, place + 1)
    return None if found is None else found.end() - 1


def _row(row: Any, text: str) -> Mapping[str, Any] | str:
    if not isinstance(row, dict):
        return "not a JSON object {column: value}"
    if text.count("[") + text.count("{") > DEEPEST and _depth(row) > DEEPEST:
        return f"nested more than {DEEPEST} deep"
    return row


def _depth(value: Any) -> int:
    """How many lists and mappings lie within each other."""
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
