"""Turns an error into a message for users: the cause, the file and what to do.

A library may have wrapped the cause in several other errors.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets.config.errors import causes, find_cause

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NO_SUCH_PATH = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)
_DISK = frozenset({errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV})
_NUMBER = re.compile(r"\(os error (\d+)\)")
"""How libraries in Rust (Polars, safetensors) write the errno."""
_DATABASE = {
    "disk is full": "make room on its disk",
    "disk I/O error": "make room on its disk, or check that the disk works",
    "readonly": "give this user write permission there",
    "unable to open": "give this user write permission there",
    "is locked": "end the program that uses it",
    "malformed": "restore a backup, or move it away: tables, journal and models are not in it",
    "not a database": "restore a backup, or move it away: tables, journal and models are not in it",
}
"""What to do, by a part of SQLite's message about Dagster's database of runs and events."""


def message(error: BaseException) -> str | None:
    """The message for users about ``error``.

    Returns:
        The text of the first error in the chain that was written for users. Without one, a text
        about the first error of a file or database. None if there is neither.
    """
    from engines.protocol import EngineError

    known = find_cause(error, EngineError)
    if known is not None:
        return str(known)
    messages = (_file_message(each) or _database_message(each) for each in causes(error))
    return next(filter(None, messages), None)


def cause(error: BaseException) -> BaseException:
    """The innermost error of the chain. Dagster's own errors are skipped if there are others."""
    chain = list(causes(error))
    others = [each for each in chain if not type(each).__module__.startswith("dagster")]
    return (others or chain)[-1]


@contextmanager
def with_file_name(file: Path | str) -> Iterator[None]:
    """Add the name of ``file`` to an error of the file system that is raised inside.

    An error that names another file is left as it is. A hidden file in the same folder is the
    temporary file that becomes ``file``, so it is replaced by ``file``.

    Raises:
        OSError: The error, with ``file`` as its filename.
    """
    try:
        yield
    except Exception as error:
        code, name = _code(error), getattr(error, "filename", None)
        hidden = isinstance(name, str) and name.startswith(os.path.join(Path(file).parent, "."))
        if code is None or (name and not hidden):
            raise
        raise OSError(code, os.strerror(code), str(file)) from error


def _code(error: BaseException) -> int | None:
    """The errno of an error of the file system; None for another error."""
    code = error.errno if isinstance(error, OSError) else None
    number = _NUMBER.search(str(error)) if code is None else None
    return int(number[1]) if number else code


def _file_message(error: BaseException) -> str | None:
    code = _code(error)
    if code is None:
        return None
    filename = getattr(error, "filename", None)
    file = os.fsdecode(filename) if isinstance(filename, (str, bytes)) else "a file"
    why = os.strerror(code)
    if code in _FULL:
        return (
            f"{file} cannot be written ({why}{_free(file)}): make room (factory disk shows what "
            "takes it), then run the same command again: it continues from there"
        )
    if code in _FORBIDDEN:
        return (
            f"{file} cannot be read or written ({why}): give this user the permission, or set "
            "another path (for the factory's files: root in factory.yaml, or FACTORY_ROOT)"
        )
    if code in _NO_SUCH_PATH:
        return f"{file} cannot be used ({why}): set another path, or restore what was there"
    if code in _DISK:
        return f"{file} cannot be read or written ({why}): check that its disk works"
    return None


def _database_message(error: BaseException) -> str | None:
    if not type(error).__module__.startswith(("sqlalchemy", "sqlite3")):
        return None
    text = str(getattr(error, "orig", None) or error)
    todo = next((todo for part, todo in _DATABASE.items() if part in text), None)
    if todo is None:
        return None
    folder = os.environ.get("DAGSTER_HOME")
    return f"Dagster's database of runs in {folder} cannot be used ({text}): {todo}"


def _free(file: str) -> str:
    for folder in Path(file).absolute().parents:
        if folder.exists() and Path(file).is_absolute():
            return f", {shutil.disk_usage(folder).free / 2**20:,.1f} MB free on its disk"
    return ""
