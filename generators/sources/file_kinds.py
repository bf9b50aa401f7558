"""What a file is whose name says that it is JSON, CSV or Parquet, by its first bytes."""

from typing import IO, Any

from upath import UPath

from generators.sources.columns import SourceError
from schemas.git_lfs import IS_POINTER, POINTER

_KINDS = {
    POINTER: IS_POINTER,
    b"\x1f\x8b": "is compressed by gzip: name it .gz at its end",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: name it .zst at its end",
    b"BZh": "is compressed by bzip2: name it .bz2 at its end",
    b"\xfd7zXZ": "is compressed by xz: name it .xz at its end",
    b"PK\x03\x04": "is a ZIP archive or an Excel file: unpack it, or save the table as CSV",
    b"PAR1": "is Parquet: name it .parquet",
    b"ARROW1": "is Arrow: save it as Parquet",
    b"\xff\xff\xff\xff": "is Arrow, as `save_to_disk` writes it: save it by `to_parquet`",
    b"\xff\xfe": "is UTF-16: convert it to UTF-8",
    b"\xfe\xff": "is UTF-16: convert it to UTF-8",
}
"""Why a file of text cannot be read, by its first bytes."""
_PAGES = (b"<!doctype html", b"<html")


def refuse_foreign(file: UPath, opened: Any) -> None:
    """Check that a file of text, decompressed, does not begin as one of another kind.

    Raises:
        SourceError: it does. The message says what the file is, and what to do.
    """
    beginning: bytes = opened.peek(64)[:64]
    kind = next((kind for start, kind in _KINDS.items() if beginning.startswith(start)), None)
    if kind is None and beginning.lstrip().lower().startswith(_PAGES):
        kind = "is a web page, perhaps of an error: download the file itself"
    if kind is None and b"\0" in beginning[:2]:
        kind = "is UTF-16 without a mark, or no text: convert it to UTF-8"
    if kind is not None:
        raise SourceError(f"{file} {kind}")


def refuse_pointer(file: UPath, stream: IO[bytes]) -> None:
    """Check that a Parquet file is not a Git LFS pointer.

    Raises:
        SourceError: it is one.
    """
    beginning = stream.read(len(POINTER))
    stream.seek(0)
    if beginning == POINTER:
        raise SourceError(f"{file} {IS_POINTER}")
