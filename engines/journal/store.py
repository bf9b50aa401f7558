"""The journal: all answers of models, in one SQLite file that the processes of a machine share.

An answer is committed before the coroutine that requested it continues. A run that is killed loses
only the requests in flight. All answers of one turn of the event loop share a commit. The file is
in WAL mode with ``synchronous=NORMAL``: a killed process loses nothing that was committed; a power
cut may lose the last seconds, never the file.

Reading needs no lock. Writing takes a file lock for the time of one commit, some 0.1 ms, and of its
checkpoint. SQLite has locks of its own, but before version 3.51.3 two connections that write and
checkpoint at the same moment can damage the file. If two processes ask the same question at once,
the first answer is kept, and both continue with it.

Keys are `engines.journal.identity`. They are random, and answers have up to some kilobytes. So the
table keeps SQLite's row ids: with 3 kB per answer, an insert takes 26 µs, and 74 µs with WITHOUT
ROWID.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from engines.journal import identity
from engines.journal.database import open_database
from engines.journal.errors import BusyJournalError, JournalError, journal_error
from engines.journal.file_system import network_type
from engines.journal.lock import FileLock, LockedError, Marks

PATIENCE = 60.0
"""Seconds for which a process waits until it may write."""

_OPEN = 0
"""The mark of all processes that have the journal open. The others are numbers of models."""

_BATCH_KEYS = 500
_COUNT = """
INSERT INTO lookups VALUES (?, ?, ?, ?) ON CONFLICT (model, verb) DO UPDATE
SET hits = hits + excluded.hits, misses = misses + excluded.misses
"""


class _Pending(NamedTuple):
    """Answers to commit, by key, and the future that waits for them."""

    model: int
    verb: str
    answers: dict[bytes, bytes]
    committed: asyncio.Future[dict[bytes, bytes]]


class Journal:
    """One process's connection to the journal. Only ``keep`` needs a running event loop.

    On a network file system SQLite's shared memory does not reach the other machines, so there a
    journal belongs to one process from its opening to its closing.

    Raises:
        BusyJournalError: another process holds the journal for long.
        JournalError: it is not a journal, it has another identity version, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: list[_Pending] = []
        self._lookups: Counter[tuple[int, str, bool]] = Counter()
        self.committed = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._network = network_type(path.parent)
            self._lock = FileLock(path.with_name(path.name + ".lock"))
            self._marks = Marks(path.with_name(path.name + ".users"))
        except OSError as error:
            raise JournalError(
                f"the journal {path} cannot be opened ({error.strerror or error}): give this user "
                "write permission, or set another path (journal in factory.yaml)"
            ) from error
        try:
            self._acquire(patience=PATIENCE if self._network is None else 0)
            self._marks.add(_OPEN)
            self._connection = open_database(path)
            if self._network is None:
                self._lock.release()
        except BaseException:
            self._lock.close()
            self._marks.close()
            raise

    def _acquire(self, *, patience: float) -> None:
        try:
            self._lock.acquire(patience)
        except LockedError as error:
            advice = (
                "wait until it ends, or set another root for this run"
                if self._network is None
                else f"it is on a network file system ({self._network}), where one process at a "
                "time may use it. Wait until that ends, or move the journal to a local disk "
                "(journal in factory.yaml)"
            )
            raise BusyJournalError(
                f"another run holds the journal {self.path} ({error}): {advice}"
            ) from None

    @contextmanager
    def turn(self) -> Iterator[sqlite3.Connection]:
        """The connection, while no other process writes. Errors of SQLite are `JournalError`."""
        if self._network is None:
            self._acquire(patience=PATIENCE)
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise self._failed(error) from error
        finally:
            # On a network file system the lock is held until the journal is closed.
            if self._network is None:
                self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction in this process's turn. An error rolls it back."""
        with self.turn() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def read(self, select: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement selects."""
        try:
            return self._connection.execute(select, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def in_use(self, model: int) -> bool:
        """Whether another process asks the model, in this process's turn."""
        return self._marks.elsewhere(model)

    def is_shared(self) -> bool:
        """Whether another process has the journal open, in this process's turn."""
        return self._marks.elsewhere(_OPEN)

    def model(self, engine: str, revision: str, name: str) -> int:
        """The journal's number of a model. ``name`` is only shown to people."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO models (engine, revision, name) VALUES (?, ?, ?)"
                "ON CONFLICT (engine, revision) DO UPDATE SET name = excluded.name",
                (engine, revision, name),
            )
            selected = connection.execute(
                "SELECT model FROM models WHERE engine = ? AND revision = ?", (engine, revision)
            )
            number = int(selected.fetchone()[0])
            # What a process asks is not pruned.
            self._marks.add(number)
            return number

    def find(self, keys: Sequence[bytes], model: int, verb: identity.Verb) -> dict[bytes, bytes]:
        """The answers of those ``keys`` that have one. Counts hits and misses."""
        try:
            found = self._stored(keys)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self._lookups[model, verb, True] += len(found)
        self._lookups[model, verb, False] += len(keys) - len(found)
        return found

    def _stored(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for start in range(0, len(keys), _BATCH_KEYS):
            some = keys[start : start + _BATCH_KEYS]
            marks = ",".join("?" * len(some))
            # One statement for all keys: 8 µs for four keys, and 17 µs one by one.
            found.update(
                self._connection.execute(
                    f"SELECT key, answer FROM answers WHERE key IN ({marks})", some
                )
            )
        return found

    def keep(
        self, model: int, verb: identity.Verb, answers: Iterable[tuple[bytes, bytes]]
    ) -> asyncio.Future[dict[bytes, bytes]]:
        """Store (key, answer) pairs.

        Returns:
            A future that is done when they are committed. It gives the stored answers by their
            keys: where another process was first, its answer. It raises `JournalError` if they
            cannot be committed.
        """
        loop = asyncio.get_running_loop()
        if not self._pending:
            loop.call_soon(self._commit)
        pending = _Pending(model, verb, dict(answers), loop.create_future())
        self._pending.append(pending)
        return pending.committed

    def _commit(self) -> None:
        pending, self._pending = self._pending, []
        try:
            earlier = self._write(pending)
        except JournalError as error:
            for one in pending:
                if not one.committed.done():
                    one.committed.set_exception(error)
            return
        for one in pending:
            if earlier:
                one.answers.update((k, earlier[k]) for k in one.answers.keys() & earlier.keys())
            if not one.committed.done():
                one.committed.set_result(one.answers)

    def _write(self, pending: Sequence[_Pending]) -> dict[bytes, bytes]:
        """Commit answers. Returns the stored ones if another process has stored some before."""
        rows = [
            (key, one.model, one.verb, answer)
            for one in pending
            for key, answer in one.answers.items()
        ]
        earlier: dict[bytes, bytes] = {}
        with self.transaction() as connection:
            before = connection.total_changes
            connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", rows)
            if connection.total_changes - before < len(rows):
                earlier = self._stored([key for key, *_ in rows])
            connection.executemany(_COUNT, self._counted())
        self._lookups.clear()
        self.committed += len(rows)
        return earlier

    def _counted(self) -> list[tuple[int, str, int, int]]:
        pairs = {(model, verb) for model, verb, _ in self._lookups}
        counts = self._lookups
        return [(m, v, counts[m, v, True], counts[m, v, False]) for m, v in pairs]

    def close(self) -> None:
        """Commit pending answers and free the lock. Raises `JournalError` like ``keep``."""
        try:
            if self._pending or self._lookups:
                self._commit()
        finally:
            try:
                # The last connection to a file in WAL mode also empties the log.
                with self.turn() as connection:
                    connection.close()
            finally:
                self._connection.close()
                self._lock.close()
                self._marks.close()

    def _failed(self, error: sqlite3.Error) -> JournalError:
        return journal_error(error, self.path, self.committed)
