"""YAML as data: nothing in it is filled in, and what is too large, deep or ambiguous is refused.

A file is measured before it is built, event by event, because a few lines can ask for more than a
machine holds: an alias counts as much as what it stands for.
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
"""Bytes of a file."""
DEEPEST = 40
MOST = 20_000
"""Values of a document, with those that aliases stand for."""
DOCUMENTS = 100
LONGEST_NAME = 100
_KEY = (
    "holds what looks like a key or a password, and none may stand here: take it for known to "
    "others, and replace it (api_key_env, where there is one, names the variable that holds a key)"
)
_NUMBER = re.compile(r"[-+]?[0-9.][-+0-9_:.xa-fA-F]{300,}")

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # which of the two it is, is known when it runs
    """Dates stay the texts that they are, as Dagster reads its own files."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # as PyYAML has it
        first: [each for each in resolvers if not each[0].endswith(":timestamp")]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }


class YamlError(ValueError):
    """A file that is no YAML, or more than is read. ``field``: where in it, as ``stages.pairs``."""

    def __init__(self, problem: str, *, line: int | None = None, field: str | None = None) -> None:
        super().__init__(problem if line is None else f"line {line}: {problem}")
        self.field = field or None


@dataclass(frozen=True)
class Document:
    """What one of a file's documents holds, and the line that it begins in."""

    value: Any
    line: int


def documents(file: Path) -> list[Document]:
    """The documents of ``file``. Raises `YamlError`, which shows nothing of what the file says."""
    try:
        if file.stat().st_size > LARGEST:
            raise YamlError(f"has more than {LARGEST:,} bytes")
        text = file.read_bytes().decode("utf-8-sig")
        _measure(text)
        return list(_built(text))
    except UnicodeDecodeError as error:
        raise YamlError(f"is no UTF-8 text: {error.reason}") from None
    except OSError as error:
        raise YamlError(f"cannot be read: {error.strerror}") from None
    except YamlError:
        raise
    except ValueError:
        raise YamlError("is no YAML: it holds what begins like a number and is none") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise YamlError(
            f"is no YAML: {problem}", line=None if mark is None else mark.line + 1
        ) from None


def unsound(value: Any, *, largest: float = math.inf) -> tuple[str, str] | None:
    """The first field of ``value`` that holds no number to work with (infinite, not a number, or
    beyond ``largest``, seeds left out), has no usable name, or holds a key, which nothing shows:
    where, and what is wrong."""
    return next(_unsound(value, "", largest), None)


def _unsound(value: Any, path: str, largest: float) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inside in value.items():
            if not isinstance(key, str):
                yield path, f"{key!r} is no name: put it in quotes"
                return
            if holds_key(key):
                yield path, _KEY
                return
            below = f"{path}.{key}" if path else key
            yield from _unsound(inside, below, math.inf if key == "seed" else largest)
    elif isinstance(value, str):
        if holds_key(value):
            yield path, _KEY
    elif isinstance(value, (list, tuple)):
        for number, inside in enumerate(value):
            yield from _unsound(inside, f"{path}.{number}" if path else str(number), largest)
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"{value} is no number to work with"
    elif isinstance(value, (int, float)) and abs(value) > largest:
        yield path, f"is more than {largest:,.0f}"
    elif not isinstance(value, (int, float, type(None))):
        yield path, f"is a {type(value).__name__}, which nothing here takes: put it in quotes"


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
    """A mapping or list that has begun: its size so far, and how many levels lie in it."""

    anchor: str | None
    keys: set[str] | None
    values: int = 1
    levels: int = 0
    at: str = ""
    items: int = 0
    named: bool = field(default=False)


def _measure(text: str) -> None:
    sizes: dict[str, tuple[int, int]] = {}
    open_: list[_Open] = []
    begun = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = 0 if event.start_mark is None else event.start_mark.line + 1
        if getattr(event, "tag", None) not in (None, "!"):
            raise YamlError("a tag (!) says what type this is: leave it out", line=line)
        if isinstance(event, yaml.DocumentStartEvent):
            sizes.clear()
            begun += 1
            if begun > DOCUMENTS:
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
                raise YamlError("an alias stands for nothing before it", line=line)
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
    """Goes on to the next key or value of what is open, which is ``scalar`` or no scalar."""
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
        raise YamlError(f"{scalar!r} stands here twice", line=line, field=_path(open_))
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
