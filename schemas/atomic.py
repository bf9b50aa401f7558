"""Atomic and durable writes of files and folders."""

import os
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Write ``path`` atomically: a reader, or a crash, sees the new content or the old one."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    sync(path.parent)


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
