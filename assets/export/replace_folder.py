"""A folder of an export takes the place of an earlier one: at any moment the old one or the new one
is there, whole.

Where the file system can, the two exchange their names at once (Linux). Elsewhere the old one is
moved aside first, and where a kill comes between, the next export moves it back. What a killed
export leaves is removed by the next one: a folder that nobody holds a lock on any more.
"""

import ctypes
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from assets.config.causes import with_file_name
from assets.config.errors import FactoryError
from assets.export.card import MARK
from assets.storage.tables import write_whole
from schemas.atomic import replace_folder, sync

CARD, REPORT = "README.md", "report.html"
_OURS = re.compile(
    rf"{CARD}|{REPORT}|(data|candidates)/(train|held_out)-[\d-]+-\d{{5}}-of-\d{{5}}\.parquet"
)
_WORK = ".export"
_CANNOT = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of ``folder`` once all of it is on the disk.

    Raises `FactoryError` if there is anything in ``folder`` that no export wrote.
    """
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(f".{place.name}.*{_WORK}"):
        with suppress(FileNotFoundError), _locked(left) as alone:
            if alone:
                _clear(left, place)
    check_replaceable(place)
    with with_file_name(place):
        work = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=_WORK, dir=place.parent))
    with _locked(work):
        try:
            new = work / "new"
            new.mkdir()
            yield new
            for file in files(new):
                sync(file)
            check_replaceable(place)  # Somebody may have put a file of their own there meanwhile.
            if not (place.exists() and _exchanged(new, place)):
                replace_folder(new, place, old=work / "old")
            sync(place.parent)
        finally:
            _clear(work, place)


def put(made: Path, place: UPath) -> None:
    """Put the files of ``made`` on an object store, the card first; what is no longer of the export
    is removed last."""
    names = {file.relative_to(made).as_posix(): file for file in files(made)}
    for name in sorted(names, key=lambda name: name != CARD):
        write_whole(place / name, names[name].read_bytes())
    for name in _names(place):
        if name not in names:
            (place / name).unlink()


def check_replaceable(place: Path | UPath) -> None:
    """Raises `FactoryError` if ``place`` holds anything but an export."""
    if not place.exists():
        return
    found = _names(place) if place.is_dir() else [""]
    card = place / CARD
    if found and (CARD not in found or MARK not in card.read_text(encoding="utf-8")):
        raise FactoryError(f"{place} holds something else than an export: name another folder")
    for name in found:
        if not _OURS.fullmatch(name):
            raise FactoryError(
                f"{place} would be replaced, and {place / name} is of no export: move it away, or "
                "name another folder"
            )


def files(folder: Path) -> list[Path]:
    """Every file of ``folder`` and of the folders in it."""
    return [path for path in folder.rglob("*") if path.is_file()]


def _names(place: Path | UPath) -> list[str]:
    inside = UPath(place)
    return [
        path.path.removeprefix(f"{inside.path}/") for path in inside.rglob("*") if not path.is_dir()
    ]


def _exchanged(one: Path, other: Path) -> bool:
    """Whether two folders exchanged their names, at one moment; nothing has happened else."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE: see renameat2(2)
    if rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(other))


def _clear(work: Path, place: Path) -> None:
    if not place.exists() and (work / "old").exists():
        os.replace(work / "old", place)
    shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether ``folder`` is this process's alone. The lock of a process ends with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        yield alone
    finally:
        os.close(descriptor)
