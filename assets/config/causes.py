"""What a user is told of an error: the cause, the file and what to do, however deeply a library
wrapped it."""

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
_NO_SUCH_PLACE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)
_DISK = frozenset({errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV})
_NUMBER = re.compile(r"\(os error (\d+)\)")
"""How libraries in Rust (Polars, safetensors) say the errno."""
_DATABASE = {
    "disk is full": "make room on its disk",
    "disk I/O error": "make room on its disk, or see whether it is sound",
    "readonly": "let this user write there",
    "unable to open": "let this user write there",
    "is locked": "end the program that holds it",
    "malformed": "put a copy of it back, or move it away: tables, journal and models are not in it",
    "not a database": "put a copy of it back, or move it away: tables, journal and models are not "
    "in it",
}
"""What to do about what SQLite says of Dagster's runs and events."""


def message(error: BaseException) -> str | None:
    """What a user is told of ``error``; None where nobody knows what to do about it.

    That is the words of the first error of its chain that was written for users, or else of the
    first that says what is wrong with a file.
    """
    from engines.protocol import EngineError

    known = find_cause(error, EngineError)
    if known is not None:
        return str(known)
    said = (_of_file(each) or _of_database(each) for each in causes(error))
    return next(filter(None, said), None)


def cause(error: BaseException) -> BaseException:
    """The error of the chain that all others wrap: what Dagster itself raises is never that."""
    chain = list(causes(error))
    others = [each for each in chain if not type(each).__module__.startswith("dagster")]
    return (others or chain)[-1]


@contextmanager
def with_file_name(file: Path | str) -> Iterator[None]:
    """What goes wrong inside with a file that is not named, or with a hidden one beside ``file``
    that is to become it, is told of ``file``."""
    try:
        yield
    except Exception as error:
        code, told = _code(error), getattr(error, "filename", None)
        hidden = isinstance(told, str) and told.startswith(os.path.join(Path(file).parent, "."))
        if code is None or (told and not hidden):
            raise
        raise OSError(code, os.strerror(code), str(file)) from error


def _code(error: BaseException) -> int | None:
    """The errno of an error of the file system."""
    code = error.errno if isinstance(error, OSError) else None
    number = _NUMBER.search(str(error)) if code is None else None
    return int(number[1]) if number else code


def _of_file(error: BaseException) -> str | None:
    code = _code(error)
    if code is None:
        return None
    filename = getattr(error, "filename", None)
    file = os.fsdecode(filename) if isinstance(filename, (str, bytes)) else "a file"
    why = os.strerror(code)
    if code in _FULL:
        return (
            f"{file} cannot be written ({why}{_free(file)}): make room (factory disk shows what "
            "takes it), then give the same command, which goes on from there"
        )
    if code in _FORBIDDEN:
        return (
            f"{file} cannot be read or written ({why}): let this user do so, or name another place "
            "(of what the factory keeps: root in factory.yaml, or FACTORY_ROOT)"
        )
    if code in _NO_SUCH_PLACE:
        return f"{file} cannot be used ({why}): name another place, or put back what was there"
    if code in _DISK:
        return f"{file} cannot be read or written ({why}): see whether its disk is sound and there"
    return None


def _of_database(error: BaseException) -> str | None:
    if not type(error).__module__.startswith(("sqlalchemy", "sqlite3")):
        return None
    text = str(getattr(error, "orig", None) or error)
    todo = next((todo for said, todo in _DATABASE.items() if said in text), None)
    if todo is None:
        return None
    folder = os.environ.get("DAGSTER_HOME")
    return f"Dagster's database of runs in {folder} cannot be used ({text}): {todo}"


def _free(file: str) -> str:
    for folder in Path(file).absolute().parents:
        if folder.exists() and Path(file).is_absolute():
            return f", {shutil.disk_usage(folder).free / 2**20:,.1f} MB free on its disk"
    return ""
