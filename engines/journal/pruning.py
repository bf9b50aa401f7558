"""Removes answers from a journal while runs go on.

Answers are removed some at a time, and after each transaction runs have as long to write as it
took. A prune that is killed leaves a sound journal, and the next one removes the rest.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.journal.store import Journal

_ANSWERS = 500
"""Answers that one transaction removes."""

_PAGES = 500
"""Pages of 4 kB that one transaction gives back to the file system."""

_INCREMENTAL = 2
"""The value of ``auto_vacuum`` of a file that can give back single pages."""


def prune(path: Path, revisions: Collection[str]) -> int:
    """Remove the answers of the models with these ``revisions`` from the journal at ``path``.

    Models that a run is asking are left out. The file then shrinks. One of an early version is
    rewritten for that, if no run has it open; the disk must have room for a copy.

    Returns:
        The number of removed answers.

    Raises:
        JournalError: the journal cannot be used, or the disk is full.
    """
    journal = Journal(path)
    try:
        known = journal.read("SELECT model, revision FROM models")
        removed = _remove(journal, [model for model, revision in known if revision in revisions])
        _shrink(journal)
    finally:
        journal.close()
    return removed


def _remove(journal: Journal, models: list[int]) -> int:
    """Remove the answers of models. Returns how many there were."""
    removed = after = 0
    while rows := journal.read(
        f"SELECT rowid FROM answers WHERE rowid > ? AND model IN ({_listed(models)}) "
        "ORDER BY rowid LIMIT ?",
        (after, _ANSWERS),
    ):
        after = rows[-1][0]
        with _sparing(), journal.transaction() as connection:
            models = [model for model in models if not journal.in_use(model)]
            delete = f"DELETE FROM answers WHERE rowid = ? AND model IN ({_listed(models)})"
            removed += connection.executemany(delete, rows).rowcount
    with journal.transaction() as connection:
        models = [model for model in models if not journal.in_use(model)]
        connection.execute(f"DELETE FROM lookups WHERE model IN ({_listed(models)})")
    return removed


def _shrink(journal: Journal) -> None:
    """Give free pages back to the file system."""
    while _free_pages(journal):
        with _sparing(), journal.turn() as connection:
            if _mode(journal) == _INCREMENTAL:
                # `execute` gives back one page only.
                connection.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
            elif journal.is_shared():
                return
            else:
                connection.executescript(f"PRAGMA auto_vacuum={_INCREMENTAL}; VACUUM")


def _free_pages(journal: Journal) -> int:
    ((count,),) = journal.read("PRAGMA freelist_count")
    return int(count)


def _mode(journal: Journal) -> int:
    ((mode,),) = journal.read("PRAGMA auto_vacuum")
    return int(mode)


def _listed(models: list[int]) -> str:
    return ",".join(map(str, models))


@contextmanager
def _sparing() -> Iterator[None]:
    """A pause, as long as the block took."""
    began = time.monotonic()
    yield
    time.sleep(time.monotonic() - began)
