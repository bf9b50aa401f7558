"""Reads the prompts of a refresh from a source: only prompts that no other refresh has read.

A source yields tasks in an order that never changes, so a refresh continues where the others
stopped. If the revision of the source has changed (a file was rewritten, or the source is bound to
a newer commit), the source is read from the beginning. Prompts that were read before are then
dropped as "already seen". A repeated refresh keeps its rows. It reads more only if more rows are
requested, and adds them at the end.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.storage.tables import Tables
from generators.sources.chats import chat
from schemas import (
    Dropped,
    Message,
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
"""The number of rows after which a source counts as endless."""


UNREADABLE = "the source's check cannot read the reference"


@dataclass(frozen=True)
class ReadResult:
    """The rows of a refresh of a source.

    Attributes:
        split: The kept and dropped rows.
        about: The state of the read, which is stored with the table: the description of the
            source, its revision, and the number of the next row.
        new: How many kept rows this read added.
    """

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
    """Read the prompts of one refresh of a source.

    Args:
        source: The source.
        name: Its name.
        key: The key of its table.
        refresh: The refresh; None if the table is the same for all refreshes.
        limit: The largest number of kept rows; None reads all. Stored rows of the refresh are
            kept even if there are more.
        tables: The stored tables.
        read: The description of the source in YAML. Only rows that were read with the same
            description are skipped.
        readable: Returns why the source's check cannot read a reference, or None if it can.
            Prompts with an unreadable reference are dropped.

    Raises:
        FactoryError: The source cannot be read, or does not end.
    """
    description = canonical(dict(read))
    others = [other for other in tables.refreshes(key) if other != refresh]
    stored = tables.about(key, refresh)
    split = Split(empty(Prompts), empty(Dropped))
    if stored.get("read") == description:
        split = Split(tables.read(key, refresh), tables.read_dropped(key, refresh))
    first, tasks = _open(source, 0, name=name)
    revision = str(first.get("source_revision", "")) if isinstance(first, Mapping) else ""
    known = [stored, *(tables.about(key, other) for other in others)]
    start = max(
        (
            about["next"]
            for about in known
            if about.get("read") == description and about.get("revision") == revision
        ),
        default=0,
    )
    about = {"read": description, "revision": revision, "next": start}
    wanted = None if limit is None else limit - split.kept.height
    if wanted is not None and wanted <= 0:
        return ReadResult(split, about, 0)
    if start:
        _, tasks = _open(source, start, name=name)
    seen = set[str]()
    for other in others:
        stored_ids = tables.query(key, other, lambda rows: rows.select("prompt_id"))
        seen.update(stored_ids["prompt_id"])
    seen.update(split.kept["prompt_id"])
    kept, refused = [split.kept], [split.dropped]
    position = start
    new = 0
    while chunk := list(islice(tasks, CHUNK if wanted is None else min(CHUNK, wanted - new))):
        part = _new_prompts(
            chunk, position, name=name, stage="/".join(key), seen=seen, readable=readable
        )
        position += len(chunk)
        new += part.kept.height
        kept.append(part.kept)
        refused.append(part.dropped)
        if wanted is not None and new >= wanted:
            break
        if position - start > ENDLESS:
            raise FactoryError(
                f"source {name!r} has given {ENDLESS:,} rows and does not end: "
                "set in its defs.yaml how many rows a refresh takes (rows: 1000)"
            )
    split = Split(pl.concat(kept), pl.concat(refused))
    return ReadResult(split, about | {"next": position}, new)


def stamp_of(source: PromptSource, *, name: str) -> str | None:
    """The stamp of a source: a text that changes when it may have new prompts.

    Returns:
        The stamp, or None if the source has none without being read.

    Raises:
        FactoryError: The source cannot be reached.
    """
    if not isinstance(source, Stamped):
        return None
    try:
        return source.stamp()
    except (OSError, ValueError) as error:
        raise FactoryError(f"source {name!r} cannot be read: {error}") from error


Task = Mapping[str, Any] | SourceRowError


def _open(source: PromptSource, start: int, *, name: str) -> tuple[Task | None, Iterator[Task]]:
    """The task number ``start``, and an iterator over this task and all later ones."""
    tasks = _tasks(source, start, name=name)
    first = next(tasks, None)
    return first, tasks if first is None else chain([first], tasks)


def _tasks(source: PromptSource, start: int, *, name: str) -> Iterator[Task]:
    """The tasks from number ``start`` on. Raises `FactoryError` if the source cannot be read."""
    try:
        yield from source.prompts(start)
    except (OSError, ValueError) as error:
        raise FactoryError(f"source {name!r} cannot be read: {error}") from error


def _new_prompts(
    chunk: list[Task],
    position: int,
    *,
    name: str,
    stage: str,
    seen: set[str],
    readable: Callable[[str], str | None] | None,
) -> Split:
    """The new and valid prompts of ``chunk``, and the dropped ones. Adds the new ids to ``seen``.

    Args:
        chunk: Tasks in the order of the source.
        position: The number of the first task in the source.
        name: The name of the source.
        stage: The stage in the dropped rows.
        seen: The ids of the prompts that were read before.
        readable: As for `read_on`.
    """
    records: list[dict[str, Any]] = []
    refused: list[pl.DataFrame] = []
    for number, task in enumerate(chunk, start=position):
        if isinstance(task, SourceRowError):
            refused.append(dropped(stage, task.reason, [task.row], [{"row": number}]))
            continue
        try:
            messages = _messages(task.get("messages"))
        except ValueError as error:
            where = task.get("row", f"row {number}")
            numbers = {"row": number, "why": str(error)}
            refused.append(dropped(stage, "messages cannot be read", [where], [numbers]))
            continue
        reference = task.get("reference")
        if readable is not None and reference is not None and (why := readable(reference)):
            where = task.get("row", f"row {number}")
            refused.append(dropped(stage, UNREADABLE, [where], [{"row": number, "why": why}]))
            continue
        identity = prompt_id(messages)
        if identity in seen:
            refused.append(dropped(stage, "already seen", [identity], [{"row": number}]))
            continue
        seen.add(identity)
        fields = {column: value for column, value in task.items() if column != "row"}
        records.append({**fields, "messages": messages, "prompt_id": identity, "source": name})
    split = accept(Prompts, rows(Prompts, records), stage=stage, unit="prompt_id")
    return Split(split.kept, pl.concat([*refused, split.dropped]))


def _messages(given: Any) -> Sequence[Message]:
    """The messages of a task. Those of role and content only are as the source gives them, and the
    table checks them. Raises `ValueError` if others cannot be read."""
    plain = isinstance(given, Sequence) and all(
        isinstance(message, Mapping)
        and message.keys() == {"role", "content"}
        and all(isinstance(text, str) for text in message.values())
        for message in given
    )
    return given if plain else chat(given, "messages")
