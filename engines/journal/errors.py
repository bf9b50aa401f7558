"""Errors of the journal, in the user's terms."""

import shutil
import sqlite3
from pathlib import Path

from engines.protocol import EngineError, UnavailableError


class JournalError(EngineError):
    """The journal cannot be used. The message says why, what is kept, and what to do."""


class BusyJournalError(JournalError, UnavailableError):
    """Another process holds the journal for long."""


def journal_error(error: sqlite3.Error, path: Path, committed: int | None = None) -> JournalError:
    """The error of SQLite as a `JournalError`. ``committed``: the answers that this run has
    stored."""
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
