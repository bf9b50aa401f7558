"""Replaces the folder of an earlier export. At any moment the old or the new folder is complete.

On Linux the two folders exchange their names in one operation. Elsewhere the old folder is moved
aside first; if the process is killed before the second move, the next export moves it back. The
next export also removes the unlocked work folders of killed exports.
"""

import ctypes
import errno
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
from schemas.atomic import locked, replace_folder, sync

CARD, REPORT = "README.md", "report.html"
_OURS = re.compile(
    rf"{CARD}|{REPORT}|(data|candidates)/(train|held_out)-[\d-]+-\d{{5}}-of-\d{{5}}\.parquet"
    # The files of a model.
    r"|model(-\d+-of-\d+)?\.safetensors|(model\.safetensors\.index|config|generation_config)\.json"
    r"|(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json|chat_template\.jinja"
    r"|(merges|vocab)\.txt|tokenizer\.model|adapter_model\.safetensors|adapter_config\.json"
)
_WORK = ".export"
_CANNOT = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder to write into. It replaces ``folder`` once all its files are on the disk.

    Raises:
        FactoryError: ``folder`` holds a file that no export wrote.
    """
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(f".{place.name}.*{_WORK}"):
        with suppress(FileNotFoundError), locked(left) as alone:
            if alone:
                _clear(left, place)
    check_replaceable(place)
    with with_file_name(place):
        work = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=_WORK, dir=place.parent))
    with locked(work):
        try:
            new = work / "new"
            new.mkdir()
            yield new
            for file in files(new):
                sync(file)
            check_replaceable(place)  # Again: somebody may have added a file meanwhile.
            if not (place.exists() and _exchanged(new, place)):
                replace_folder(new, place, old=work / "old")
            sync(place.parent)
        finally:
            _clear(work, place)


def put(export: Path, place: UPath) -> None:
    """Upload the files of ``export`` to an object store, the card first. Files that the export no
    longer has are removed last."""
    names = {file.relative_to(export).as_posix(): file for file in files(export)}
    for name in sorted(names, key=lambda name: name != CARD):
        write_whole(place / name, names[name].read_bytes())
    for name in _names(place):
        if name not in names:
            (place / name).unlink()


def check_replaceable(place: Path | UPath) -> None:
    """Check that an export may replace ``place``.

    Raises:
        FactoryError: ``place`` holds a file that no export wrote.
    """
    if not place.exists():
        return
    names = _names(place) if place.is_dir() else [""]
    card = place / CARD
    if names and (CARD not in names or MARK not in card.read_text(encoding="utf-8")):
        raise FactoryError(f"{place} is not an earlier export: name another folder")
    for name in names:
        if not _OURS.fullmatch(name):
            raise FactoryError(
                f"{place} would be replaced, but no export wrote {place / name}: move that file "
                "away, or name another folder"
            )


def files(folder: Path) -> list[Path]:
    """All files in ``folder`` and its subfolders."""
    return [path for path in folder.rglob("*") if path.is_file()]


def _names(place: Path | UPath) -> list[str]:
    inside = UPath(place)
    return [
        path.path.removeprefix(f"{inside.path}/") for path in inside.rglob("*") if not path.is_dir()
    ]


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one operation. False if the system cannot do it; then
    nothing has changed."""
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
