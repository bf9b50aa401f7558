"""Locks among the processes of one machine. The system frees them when their holder dies."""

import fcntl
import io
import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

_POLL = 0.001
"""Seconds between two attempts to take the lock."""

_LINE = 160
"""Bytes of the line that names the holder. A shorter line is padded, so none needs to be removed.
"""


class LockedError(RuntimeError):
    """Another process holds the lock; the message says which."""


class FileLock:
    """An exclusive flock on ``path``, a small file that names its last holder."""

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)
        # A forked worker that outlives a killed run must not keep the lock.
        os.register_at_fork(after_in_child=self._file.close)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        holder = f"pid {os.getpid()} on {socket.gethostname()}, started {started}"
        self._line = holder.encode()[: _LINE - 1].ljust(_LINE - 1) + b"\n"

    def acquire(self, patience: float = 0.0) -> None:
        """Take the lock, and wait up to ``patience`` seconds for it. Raises `LockedError`."""
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    holder = os.pread(self._file.fileno(), _LINE, 0).decode(errors="replace")
                    raise LockedError(holder.strip() or "an unknown process") from None
            time.sleep(_POLL)
        with suppress(OSError):  # on a full disk the lock has no name, but it holds
            os.pwrite(self._file.fileno(), self._line, 0)

    def release(self) -> None:
        """Free the lock for the next holder."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Free the lock. The file stays: removing it would race with the next holder."""
        self._file.close()


class Marks:
    """Numbers that processes mark in a file of their own, at most once each in a process."""

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)

    def add(self, number: int) -> None:
        """Mark a number until ``close``, or until the process dies. Several processes may."""
        fcntl.lockf(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, number)

    def elsewhere(self, number: int) -> bool:
        """Whether another process has marked the number. This process's mark of it ends.

        No other process may be marking it now.
        """
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return True
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
        return False

    def close(self) -> None:
        """Remove this process's marks."""
        self._file.close()


def _opened(path: Path) -> io.FileIO:
    return io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
