"""Reads the answers of a journal, also while a run writes to it. It never writes."""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from engines.journal.errors import JournalError
from engines.journal.identity import Verb


class JournalReader:
    """The answers of a journal. A file that does not exist has none.

    Raises:
        JournalError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        if path.exists():
            address = f"{path.absolute().as_uri()}?mode=ro"
            try:
                self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def model(self, engine: str, revision: str, name: str) -> int:
        """A number that has no meaning: answers are found by key."""
        return 0

    def find(self, keys: Sequence[bytes], model: int, verb: Verb) -> dict[bytes, bytes]:
        """The answers of those ``keys`` that have one. Nothing is counted."""
        if self._connection is None:
            return {}
        found = {}
        try:
            for key in keys:
                select = "SELECT answer FROM answers WHERE key = ?"
                for (answer,) in self._connection.execute(select, [key]):
                    found[key] = answer
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return found

    def keep(
        self, model: int, verb: Verb, answers: Iterable[tuple[bytes, bytes]]
    ) -> asyncio.Future[dict[bytes, bytes]]:
        """Refuses. Raises `JournalError`."""
        raise JournalError(f"the journal {self._path} is only read here")

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()

    def _failed(self, error: sqlite3.Error) -> JournalError:
        return JournalError(f"the journal {self._path} cannot be read ({error})")
