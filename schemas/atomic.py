"""Files and folders that appear complete or not at all, and are still there after a crash."""

import os
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Write ``path`` so that a reader, or a crash, sees all of it or what was there before."""
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
    """Give the folder ``new`` the name ``place``. A folder that has it is moved to ``old`` first,
    as no folder can replace one that is not empty."""
    if place.exists():
        os.replace(place, old)
    os.replace(new, place)
    sync(place.parent)


def sync_tree(folder: Path) -> None:
    """Wait until ``folder`` and all that is in it are on the disk."""
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
