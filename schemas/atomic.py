"""Atomic and durable writes of files and folders."""

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


def write_file(path: Path, content: bytes) -> None:
    """Write ``path`` atomically: a reader, or a crash, sees the new content or the old one."""
    with _replaced(path) as file:
        file.write(content)


def copy_file(path: Path, other: Path) -> None:
    """Write the content of the file ``other`` to ``path`` atomically."""
    with _replaced(path) as file, other.open("rb") as content:
        shutil.copyfileobj(content, file)


@contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    _remove_left(path)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            _lock(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    sync(path.parent)


def _remove_left(path: Path) -> None:
    """Remove what killed processes began to write to ``path``. No process has a lock on it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError), left.open("rb") as file:
            if _lock(file):
                left.unlink()


def _lock(file: IO[bytes]) -> bool:
    """Whether ``file`` is locked now, until it is closed: some file systems have no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def replace_folder(new: Path, place: Path, *, old: Path) -> None:
    """Rename the folder ``new`` to ``place``. An existing folder is renamed to ``old`` first, as a
    folder that is not empty cannot be replaced."""
    if place.exists():
        os.replace(place, old)
    os.replace(new, place)
    sync(place.parent)


def sync_tree(folder: Path) -> None:
    """Wait until ``folder`` and its full content are on the disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
