"""The journal: all answers of models, in one SQLite file with one writer.

An answer is committed before the coroutine that requested it continues. A run that is killed loses
only the requests in flight. All answers of one turn of the event loop share a commit. The file is
in WAL mode with ``synchronous=NORMAL``: a killed process loses nothing that was committed; a power
cut may lose the last seconds, never the file.

Keys are `engines.journal.identity`. They are random, and answers have up to some kilobytes. So the
table keeps SQLite's row ids: with 3 kB per answer, an insert takes 26 µs, and 74 µs with WITHOUT
ROWID.
"""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engines.journal import identity
from engines.journal.lock import FileLock, LockedError
from engines.protocol import EngineError, UnavailableError

_APPLICATION = 0x50464A31
_BATCH_KEYS = 500
_SCHEMA = """
CREATE TABLE journal (identity INTEGER NOT NULL);
CREATE TABLE models (
    model INTEGER PRIMARY KEY, engine TEXT NOT NULL, revision TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (engine, revision));
CREATE TABLE answers (
    key BLOB PRIMARY KEY, model INTEGER NOT NULL, verb TEXT NOT NULL, answer BLOB NOT NULL);
CREATE TABLE lookups (
    model INTEGER NOT NULL, verb TEXT NOT NULL, hits INTEGER NOT NULL, misses INTEGER NOT NULL,
    PRIMARY KEY (model, verb));
"""
_COUNT = """
INSERT INTO lookups VALUES (?, ?, ?, ?) ON CONFLICT (model, verb) DO UPDATE
SET hits = hits + excluded.hits, misses = misses + excluded.misses
"""
_STATISTICS = """
SELECT name, engine, revision, verb, coalesce(held, 0), coalesce(bytes, 0), hits, misses
FROM lookups JOIN models USING (model) LEFT JOIN
    (SELECT model, verb, count(*) AS held, sum(length(answer)) AS bytes FROM answers
     GROUP BY model, verb) USING (model, verb)
ORDER BY name, engine, revision, verb
"""


class JournalError(EngineError):
    """The journal cannot be used. The message says why, what is kept, and what to do."""


class BusyJournalError(JournalError, UnavailableError):
    """Another process is writing to the journal."""


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


class Journal:
    """The journal's writer. Only ``keep`` needs a running event loop.

    Raises:
        JournalError: another process writes to the file, it is not a journal, it has another
            identity version, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: list[tuple[bytes, int, str, bytes]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._lookups: Counter[tuple[int, str, bool]] = Counter()
        self.committed = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(path.name + ".lock"))
        except LockedError as error:
            raise BusyJournalError(
                f"another run is writing to the journal {path} ({error}): "
                "wait until it ends, or set another root for this run"
            ) from None
        except OSError as error:
            raise JournalError(
                f"the journal {path} cannot be opened ({error.strerror or error}): give this user "
                "write permission, or set another path (journal in factory.yaml)"
            ) from error
        try:
            self._connection = self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> sqlite3.Connection:
        connection = None
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            _check(connection, self.path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            # 16 MB between checkpoints: each checkpoint rewrites the pages of its answers' keys.
            connection.execute("PRAGMA wal_autocheckpoint=4000")
            if connection.execute("PRAGMA application_id").fetchone()[0] == 0:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} INSERT INTO journal VALUES ({identity.VERSION});"
                    f"PRAGMA application_id={_APPLICATION}; COMMIT"
                )
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise _journal_error(error, self.path) from error
        except JournalError:
            if connection is not None:
                connection.close()
            raise
        return connection

    def model(self, engine: str, revision: str, name: str) -> int:
        """The journal's number of a model. ``name`` is only shown to people."""
        try:
            self._connection.execute(
                "INSERT INTO models (engine, revision, name) VALUES (?, ?, ?)"
                "ON CONFLICT (engine, revision) DO UPDATE SET name = excluded.name",
                (engine, revision, name),
            )
            selected = self._connection.execute(
                "SELECT model FROM models WHERE engine = ? AND revision = ?", (engine, revision)
            )
            return int(selected.fetchone()[0])
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def find(self, keys: Sequence[bytes], model: int, verb: identity.Verb) -> dict[bytes, bytes]:
        """The answers of those ``keys`` that have one. Counts hits and misses."""
        found: dict[bytes, bytes] = {}
        try:
            for start in range(0, len(keys), _BATCH_KEYS):
                some = keys[start : start + _BATCH_KEYS]
                marks = ",".join("?" * len(some))
                # One statement for all keys: 8 µs for four keys, and 17 µs one by one.
                found.update(
                    self._connection.execute(
                        f"SELECT key, answer FROM answers WHERE key IN ({marks})", some
                    )
                )
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self._lookups[model, verb, True] += len(found)
        self._lookups[model, verb, False] += len(keys) - len(found)
        return found

    def keep(
        self, model: int, verb: identity.Verb, answers: Iterable[tuple[bytes, bytes]]
    ) -> asyncio.Future[None]:
        """Store (key, answer) pairs.

        Returns:
            A future that is done when they are committed. It raises `JournalError` if they cannot
            be.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit)
        self._pending += [(key, model, verb, answer) for key, answer in answers]
        committed = loop.create_future()
        self._waiting.append(committed)
        return committed

    def _commit(self) -> None:
        pending, self._pending = self._pending, []
        waiting, self._waiting = self._waiting, []
        try:
            self._write(pending)
        except JournalError as error:
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _write(self, rows: Sequence[tuple[bytes, int, str, bytes]]) -> None:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", rows)
            self._connection.executemany(_COUNT, self._counted())
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise self._failed(error) from error
        self._lookups.clear()
        self.committed += len(rows)

    def _counted(self) -> list[tuple[int, str, int, int]]:
        pairs = {(model, verb) for model, verb, _ in self._lookups}
        counts = self._lookups
        return [(m, v, counts[m, v, True], counts[m, v, False]) for m, v in pairs]

    def prune(self, keep_revisions: Iterable[str]) -> int:
        """Remove the answers of all models whose revision is not in ``keep_revisions``.

        The file then shrinks. While it does, the disk must have room for a copy of it.

        Returns:
            The number of removed answers.
        """
        kept = list(keep_revisions)
        unused = f"SELECT model FROM models WHERE revision NOT IN ({','.join('?' * len(kept))})"
        try:
            execute = self._connection.execute
            execute("BEGIN IMMEDIATE")
            removed = execute(f"DELETE FROM answers WHERE model IN ({unused})", kept).rowcount
            execute(f"DELETE FROM lookups WHERE model IN ({unused})", kept)
            execute(f"DELETE FROM models WHERE model IN ({unused})", kept)
            execute("COMMIT")
            execute("VACUUM")
            execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise self._failed(error) from error
        return removed

    def close(self) -> None:
        """Commit pending answers and free the lock. Raises `JournalError` like ``keep``."""
        try:
            if self._pending or self._lookups:
                self._commit()
        finally:
            self._connection.close()
            self._lock.release()

    def _failed(self, error: sqlite3.Error) -> JournalError:
        return _journal_error(error, self.path, self.committed)


def statistics(path: Path) -> Statistics:
    """Statistics of the journal at ``path``. A run may be writing to it.

    Raises:
        JournalError: there is no file, or it is not a journal.
    """
    if not path.exists():
        raise JournalError(f"there is no journal at {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            _check(reader, path)
            # A journal that a run is creating now has no tables yet.
            created = reader.execute("PRAGMA application_id").fetchone()[0]
            usage = tuple(Usage(*row) for row in reader.execute(_STATISTICS)) if created else ()
    except sqlite3.Error as error:
        raise _journal_error(error, path) from error
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


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `JournalError` if the file is not a journal or has another identity version."""
    # In one statement: another process may be creating the journal now.
    application, tables = connection.execute(
        "SELECT application_id, (SELECT count(*) FROM sqlite_master) FROM pragma_application_id"
    ).fetchone()
    if application != _APPLICATION:
        if tables:
            raise JournalError(f"{path} is not a journal but another SQLite file: move it away")
        return
    version = connection.execute("SELECT identity FROM journal").fetchone()[0]
    if version != identity.VERSION:
        raise JournalError(
            f"the journal {path} has identity version {version}, this factory reads version "
            f"{identity.VERSION}: move the file away to begin a new journal (its answers will be "
            "paid for again), or use the version of the factory that wrote it"
        )


def _journal_error(error: sqlite3.Error, path: Path, committed: int | None = None) -> JournalError:
    kept = (
        "" if committed is None else f"; the {committed:,} answers of this run before it are kept"
    )
    text = str(error)
    if "full" in text or "disk I/O" in text:
        free = shutil.disk_usage(path.parent).free / 2**20
        return JournalError(
            f"the journal {path} cannot grow ({text}; {free:,.1f} MB free on its disk){kept}: "
            "make room, then run the same command again, which resumes"
        )
    if "locked" in text:
        return BusyJournalError(
            f"another program has locked the journal {path} ({text}){kept}: close it, then run "
            "the same command again, which resumes"
        )
    if "not a database" in text:
        return JournalError(f"{path} is not a journal: move it away, or set another root")
    if "malformed" in text:
        return JournalError(
            f"the journal {path} is damaged ({text}): restore a copy of it, or move it away to "
            "begin a new one (its answers will be paid for again)"
        )
    return JournalError(
        f"the journal {path} cannot be used ({text}){kept}: give this user write permission, or "
        "set another path (journal in factory.yaml)"
    )
