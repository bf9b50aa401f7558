"""Reads YAML as plain data. Input that is too large, too deep or ambiguous is refused.

A file is measured event by event before its values are built. With aliases, a few lines can need
more memory than the machine has, so an alias counts as much as its target.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from schemas.keys import holds_key

LARGEST = 1_000_000
"""The largest file, in bytes."""
DEEPEST = 40
MOST = 20_000
"""The largest number of values of a document; aliases count as their targets."""
DOCUMENTS = 100
LONGEST_NAME = 100
_KEY = (
    "holds what looks like a key or a password, which is not allowed here: others may have seen "
    "it, so replace it (for a key, api_key_env names the environment variable that holds it)"
)
_NUMBER = re.compile(r"[-+]?[0-9.][-+0-9_:.xa-fA-F]{300,}")

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the base class is chosen at run time
    """A safe loader that keeps dates as text, as Dagster's own loader does."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # as PyYAML has it
        first: [each for each in resolvers if not each[0].endswith(":timestamp")]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }


class YamlError(ValueError):
    """A file is not YAML, or exceeds a limit. ``field``: its place, such as ``stages.pairs``."""

    def __init__(self, problem: str, *, line: int | None = None, field: str | None = None) -> None:
        super().__init__(problem if line is None else f"line {line}: {problem}")
        self.field = field or None


@dataclass(frozen=True)
class Document:
    """The value of one document of a file, and the line where it begins."""

    value: Any
    line: int


def documents(file: Path) -> list[Document]:
    """The documents of ``file``.

    Raises:
        YamlError: The file cannot be read. The message shows no value of the file.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise YamlError(f"has more than {LARGEST:,} bytes")
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(f"is not UTF-8 text: {error.reason}") from None
    except OSError as error:
        raise YamlError(f"cannot be read: {error.strerror}") from None
    return _read(text)


def value(text: str) -> Any:
    """The value that ``text`` is in YAML: ``64``, ``[a, b]``. None if it is empty.

    Raises:
        YamlError: It is no single value. The message does not show it.
    """
    read = _read(text)
    if len(read) > 1:
        raise YamlError("is more than one value")
    return read[0].value if read else None


def _read(text: str) -> list[Document]:
    try:
        _measure(text)
        return list(_built(text))
    except YamlError:
        raise
    except ValueError:
        raise YamlError("is not YAML: a value starts like a number but is not one") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise YamlError(
            f"is not YAML: {problem}", line=None if mark is None else mark.line + 1
        ) from None


def unsound(value: Any, *, largest: float = math.inf) -> tuple[str, str] | None:
    """The first field of ``value`` that cannot be used.

    That is a number that is infinite, not a number or too large, a name that is not text, a type
    that YAML of the factory does not have, or a text that looks like a key.

    Args:
        value: Mappings, lists and scalars of a YAML document.
        largest: The largest absolute value of a number; seeds may be larger.

    Returns:
        The path of the field and what is wrong with it, or None. Keys are not shown.
    """
    return next(_unsound(value, "", largest), None)


def _unsound(value: Any, path: str, largest: float) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield path, f"{key!r} is not a name: put it in quotes"
                return
            if holds_key(key):
                yield path, _KEY
                return
            inner_path = f"{path}.{key}" if path else key
            yield from _unsound(inner, inner_path, math.inf if key == "seed" else largest)
    elif isinstance(value, str):
        if holds_key(value):
            yield path, _KEY
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _unsound(inner, f"{path}.{number}" if path else str(number), largest)
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"{value} is not a finite number"
    elif isinstance(value, (int, float)) and abs(value) > largest:
        yield path, f"is more than {largest:,.0f}"
    elif not isinstance(value, (int, float, type(None))):
        yield path, f"is a {type(value).__name__}, which is not allowed here: put it in quotes"


def _built(text: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield Document(loader.construct_document(node), node.start_mark.line + 1)
    finally:
        loader.dispose()


@dataclass
class _Open:
    """A mapping or list that is being read: its values so far, and the levels inside it."""

    anchor: str | None
    keys: set[str] | None
    values: int = 1
    levels: int = 0
    at: str = ""
    items: int = 0
    named: bool = field(default=False)


def _measure(text: str) -> None:
    """Raise `YamlError` if the text exceeds a limit, or has tags or repeated keys."""
    sizes: dict[str, tuple[int, int]] = {}
    open_: list[_Open] = []
    documents_seen = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = 0 if event.start_mark is None else event.start_mark.line + 1
        if getattr(event, "tag", None) not in (None, "!"):
            raise YamlError("tags (!) are not allowed: remove this one", line=line)
        if isinstance(event, yaml.DocumentStartEvent):
            sizes.clear()
            documents_seen += 1
            if documents_seen > DOCUMENTS:
                raise YamlError(f"more than {DOCUMENTS} documents", line=line)
        elif isinstance(event, yaml.CollectionStartEvent):
            keys = set[str]() if isinstance(event, yaml.MappingStartEvent) else None
            _step(open_, None, line)
            open_.append(_Open(event.anchor, keys))
            _fit(open_, 0, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = open_.pop()
            if ended.anchor is not None:
                sizes[ended.anchor] = ended.values, ended.levels + 1
            _add(open_, ended.values, ended.levels + 1, line)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise YamlError("an alias has no anchor before it", line=line)
            _step(open_, None, line)
            _add(open_, *sizes[event.anchor], line)
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                sizes[event.anchor] = 1, 0
            _step(open_, event.value, line)
            _add(open_, 1, 0, line)
            if event.implicit[0] and _NUMBER.fullmatch(event.value):
                raise YamlError("a number of more than 300 digits", line=line, field=_path(open_))


def _step(open_: list[_Open], scalar: str | None, line: int) -> None:
    """Move to the next key or value of the innermost mapping or list.

    Args:
        open_: The mappings and lists that are being read, the innermost last.
        scalar: The text of the key or value; None for a mapping, list or alias.
        line: The line of the key or value.
    """
    if not open_:
        return
    inner = open_[-1]
    if inner.keys is None:
        inner.at = str(inner.items)
        inner.items += 1
        return
    inner.named = not inner.named
    if not inner.named or scalar is None:
        return
    inner.at = scalar if len(scalar) <= LONGEST_NAME else f"{scalar[:20]}…"
    if inner.at != scalar:
        raise YamlError(
            f"a name of more than {LONGEST_NAME} characters", line=line, field=_path(open_)
        )
    if scalar in inner.keys:
        raise YamlError(f"{scalar!r} is here twice", line=line, field=_path(open_))
    inner.keys.add(scalar)


def _add(open_: list[_Open], values: int, levels: int, line: int) -> None:
    _fit(open_, levels, line)
    if open_:
        inner = open_[-1]
        inner.values += values
        inner.levels = max(inner.levels, levels)
        if inner.values > MOST:
            raise YamlError(f"more than {MOST:,} values", line=line, field=_path(open_))


def _fit(open_: list[_Open], levels: int, line: int) -> None:
    if len(open_) + levels > DEEPEST:
        raise YamlError(f"more than {DEEPEST} levels deep", line=line, field=_path(open_))


def _path(open_: list[_Open]) -> str:
    return ".".join(each.at for each in open_ if each.at)
