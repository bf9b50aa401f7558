"""The journal's SQLite file: its tables, and how it is opened."""

import sqlite3
from pathlib import Path

from engines.journal import identity
from engines.journal.errors import JournalError, journal_error

_APPLICATION = 0x50464A31
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


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to the journal at ``path`` in WAL mode. The file is created if it is missing.

    Raises:
        JournalError: the file is not a journal, has another identity version, or cannot be written.
    """
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        check(connection, path)
        # Of a new file; an older one stays as it is until it is pruned.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        # 16 MB between checkpoints: each checkpoint rewrites the pages of its answers' keys.
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        if not is_created(connection):
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} INSERT INTO journal VALUES ({identity.VERSION});"
                f"PRAGMA application_id={_APPLICATION}; COMMIT"
            )
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise journal_error(error, path) from error
    except JournalError:
        if connection is not None:
            connection.close()
        raise
    return connection


def is_created(connection: sqlite3.Connection) -> bool:
    """Whether the tables exist. A journal that a run is creating now has none yet."""
    return bool(connection.execute("PRAGMA application_id").fetchone()[0])


def check(connection: sqlite3.Connection, path: Path) -> None:
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
