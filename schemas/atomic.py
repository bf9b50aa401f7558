"""Atomic and durable writes of files and folders, and folders for a while."""

import fcntl
import glob
import os
import shutil
import tempfile
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


@contextmanager
def temporary_folder(prefix: str, *, place: Path | None = None) -> Iterator[Path]:
    """A new folder in ``place`` (by default that of temporary files), removed at the end. Folders
    with this ``prefix`` that killed processes left there are removed first: nobody locks them."""
    place = place or Path(tempfile.gettempdir())
    for left in place.glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError), locked(left) as alone:
            if alone:
                shutil.rmtree(left)
    new = Path(tempfile.mkdtemp(prefix=f"new-{prefix}", dir=place))
    with locked(new):
        # It has its name only now, so that no other process finds it before it is locked.
        folder = new.rename(place / new.name.removeprefix("new-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Lock ``folder``, and yield whether this process got the lock. It ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(descriptor)


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
