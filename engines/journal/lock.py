"""A file lock for one writer. The operating system frees it when its holder dies."""

import fcntl
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import IO


class LockedError(RuntimeError):
    """Another process holds the lock; the message says which."""


class FileLock:
    """An exclusive flock on ``path``, a small file that names its holder."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a+", encoding="utf-8")
        # A forked worker that outlives a killed run must not keep the journal locked.
        os.register_at_fork(after_in_child=self._file.close)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "an unknown process"
            self._file.close()
            raise LockedError(holder) from None
        self._file.truncate(0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._file.write(f"pid {os.getpid()} on {socket.gethostname()}, started {started}\n")
        self._file.flush()

    def release(self) -> None:
        """Free the lock. The file stays: removing it would race with the next holder."""
        self._file.close()
