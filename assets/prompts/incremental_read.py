"""What a refresh takes from a source: only what no other refresh has taken.

A source yields tasks in an order that never changes, so a refresh goes on where the others stopped.
Where the source's revision has changed (a file was rewritten, a newer commit is bound) it is read
from its beginning again, and prompts that were taken before are dropped as "already seen". Doing a
refresh again gives the rows that it has, and reads on only if more are asked for: its first rows
never change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.storage.tables import Tables
from schemas import (
    Dropped,
    Prompts,
    PromptSource,
    SourceRowError,
    Split,
    Stamped,
    accept,
    canonical,
    dropped,
    empty,
    prompt_id,
    rows,
)

CHUNK = 1000
ENDLESS = 10_000_000
"""Rows that no refresh reads: a source that has not ended by then will not end."""


UNREADABLE = "the source's check cannot read the reference"


@dataclass(frozen=True)
class ReadResult:
    """What a refresh of a source holds now: its rows, and which of the source they came from."""

    split: Split
    about: Mapping[str, Any]
    new: int


def read_on(
    source: PromptSource,
    *,
    name: str,
    key: tuple[str, str],
    refresh: str | None,
    limit: int | None,
    tables: Tables,
    read: Mapping[str, Any],
    readable: Callable[[str], str | None] | None = None,
) -> ReadResult:
    """The prompts of one refresh of the source ``name``: at most ``limit``, unless it has more.

    ``read`` is how the source is described in YAML: rows read by another description are no reason
    to skip any. ``readable`` says why the source's check cannot read a reference, or None: prompts
    whose answers nothing could tell right from wrong are refused.
    Raises `FactoryError` if the source cannot be read, or never ends.
    """
    described = canonical(dict(read))
    others = [other for other in tables.refreshes(key) if other != refresh]
    mine = tables.about(key, refresh)
    split = Split(empty(Prompts), empty(Dropped))
    if mine.get("read") == described:
        split = Split(tables.read(key, refresh), tables.read_dropped(key, refresh))
    first, tasks = _opened(source, 0, name=name)
    revision = str(first.get("source_revision", "")) if isinstance(first, Mapping) else ""
    known = [mine, *(tables.about(key, other) for other in others)]
    start = max(
        (
            about["next"]
            for about in known
            if about.get("read") == described and about.get("revision") == revision
        ),
        default=0,
    )
    about = {"read": described, "revision": revision, "next": start}
    wanted = None if limit is None else limit - split.kept.height
    if wanted is not None and wanted <= 0:
        return ReadResult(split, about, 0)
    if start:
        _, tasks = _opened(source, start, name=name)
    seen = {taken for other in others for taken in tables.read(key, other)["prompt_id"]}
    seen.update(split.kept["prompt_id"])
    kept, refused = [split.kept], [split.dropped]
    position = start
    new = 0
    while chunk := list(islice(tasks, CHUNK if wanted is None else min(CHUNK, wanted - new))):
        taken = _taken(
            chunk, position, name=name, stage="/".join(key), seen=seen, readable=readable
        )
        position += len(chunk)
        new += taken.kept.height
        kept.append(taken.kept)
        refused.append(taken.dropped)
        if wanted is not None and new >= wanted:
            break
        if position - start > ENDLESS:
            raise FactoryError(
                f"source {name!r} has given {ENDLESS:,} rows and does not end: "
                "say in its defs.yaml how many rows a refresh takes (rows: 1000)"
            )
    whole = Split(pl.concat(kept), pl.concat(refused))
    return ReadResult(whole, about | {"next": position}, new)


def stamp_of(source: PromptSource, *, name: str) -> str | None:
    """What changes when the source ``name`` may have new prompts; None where it cannot tell without
    being read. Raises `FactoryError` if it cannot be asked."""
    if not isinstance(source, Stamped):
        return None
    try:
        return source.stamp()
    except (OSError, ValueError) as error:
        raise FactoryError(f"source {name!r} cannot be read: {error}") from error


Task = Mapping[str, Any] | SourceRowError


def _opened(source: PromptSource, start: int, *, name: str) -> tuple[Task | None, Iterator[Task]]:
    """The first task from ``start`` on, and all tasks from there, that one included."""
    tasks = _explained(source, start, name=name)
    first = next(tasks, None)
    return first, tasks if first is None else chain([first], tasks)


def _explained(source: PromptSource, start: int, *, name: str) -> Iterator[Task]:
    try:
        yield from source.prompts(start)
    except (OSError, ValueError) as error:
        raise FactoryError(f"source {name!r} cannot be read: {error}") from error


def _taken(
    chunk: list[Task],
    position: int,
    *,
    name: str,
    stage: str,
    seen: set[str],
    readable: Callable[[str], str | None] | None,
) -> Split:
    """The prompts of ``chunk`` that are new and keep the rules; ``seen`` learns them."""
    records: list[dict[str, Any]] = []
    refused: list[pl.DataFrame] = []
    for number, task in enumerate(chunk, start=position):
        if isinstance(task, SourceRowError):
            refused.append(dropped(stage, task.reason, [task.row], [{"row": number}]))
            continue
        if not _is_chat(task.get("messages")):
            refused.append(dropped(stage, "messages are not text", [f"row {number}"]))
            continue
        reference = task.get("reference")
        if readable is not None and reference is not None and (why := readable(reference)):
            where = task.get("row", f"row {number}")
            refused.append(dropped(stage, UNREADABLE, [where], [{"row": number, "why": why}]))
            continue
        identity = prompt_id(task["messages"])
        if identity in seen:
            refused.append(dropped(stage, "already seen", [identity], [{"row": number}]))
            continue
        seen.add(identity)
        told = {column: value for column, value in task.items() if column != "row"}
        records.append({**told, "prompt_id": identity, "source": name})
    split = accept(Prompts, rows(Prompts, records), stage=stage, unit="prompt_id")
    return Split(split.kept, pl.concat([*refused, split.dropped]))


def _is_chat(messages: Any) -> bool:
    """Whether each message has a role and a content, both text; rules say the rest."""
    return isinstance(messages, Sequence) and all(
        isinstance(message, Mapping)
        and isinstance(message.get("role"), str)
        and isinstance(message.get("content"), str)
        for message in messages
    )
