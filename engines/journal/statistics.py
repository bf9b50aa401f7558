"""What a journal holds: answers, bytes and look-ups of each model."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engines.journal import identity
from engines.journal.database import check, is_created
from engines.journal.errors import JournalError, journal_error

_STATISTICS = """
SELECT name, engine, revision, verb, coalesce(held, 0), coalesce(bytes, 0), hits, misses
FROM lookups JOIN models USING (model) LEFT JOIN
    (SELECT model, verb, count(*) AS held, sum(length(answer)) AS bytes FROM answers
     GROUP BY model, verb) USING (model, verb)
ORDER BY name, engine, revision, verb
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """The answers of one model to one verb. ``bytes``: the size of the answers."""

    name: str
    engine: str
    revision: str
    verb: str
    answers: int
    bytes: int
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """Totals of a journal. ``hits`` and ``misses`` count all look-ups since it was created."""

    identity: int
    answers: int
    bytes: int
    hits: int
    misses: int
    usage: tuple[Usage, ...]


def statistics(path: Path) -> Statistics:
    """Statistics of the journal at ``path``. Runs may be writing to it.

    Raises:
        JournalError: there is no file, or it is not a journal.
    """
    if not path.exists():
        raise JournalError(f"there is no journal at {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            check(reader, path)
            created = is_created(reader)
            usage = tuple(Usage(*row) for row in reader.execute(_STATISTICS)) if created else ()
    except sqlite3.Error as error:
        raise journal_error(error, path) from error
    return Statistics(
        identity.VERSION,
        answers=sum(row.answers for row in usage),
        bytes=sum(file.stat().st_size for file in _files(path) if file.exists()),
        hits=sum(row.hits for row in usage),
        misses=sum(row.misses for row in usage),
        usage=usage,
    )


def _files(path: Path) -> list[Path]:
    return [path, path.with_name(path.name + "-wal")]
