"""The rows of files, for sources and ``factory import``: JSON, JSON lines, CSV, TSV and Parquet,
compressed or not.

A row that cannot be read gives an error message with its line; the rest of the file is still read.
"""

import bz2
import gzip
import hashlib
import io
import itertools
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Literal, get_args

from upath import UPath

from generators.sources.columns import SourceError
from generators.sources.delimited import delimited_rows
from generators.sources.file_kinds import refuse_foreign
from generators.sources.json_rows import json_lines, json_rows
from generators.sources.parquet_rows import parquet_columns, parquet_rows
from schemas import content_id

Format = Literal["jsonl", "json", "csv", "tsv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: Mapping[str, Format] = {f".{name}": name for name in FORMATS} | {".ndjson": "jsonl"}

Rows = Iterator[tuple[str, Mapping[str, Any] | str]]
"""For each row its place, and its columns or (as a text) why it cannot be read."""


def _zstd(stream: IO[bytes], mode: Literal["rb"]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, mode=mode[0]), "zstd")


COMPRESSED: Mapping[str, Callable[[IO[bytes], Literal["rb"]], Any]] = {
    ".gz": gzip.open,
    ".zst": _zstd,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
"""The function that opens a compressed file, by the last extension of its name."""

_PEEK = 100
_HEADER = 4096
_LIST = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*\{\s*[\"}]")


def format_of(file: UPath) -> Format | None:
    """The format by the file's extension, compressed or not; None if unknown."""
    return next((SUFFIXES[end] for end in _endings(file) if end in SUFFIXES), None)


def file_rows(file: UPath, kind: Format, needed: list[str] | None = None) -> Rows:
    """The rows of one file, unchanged. For Parquet, only the columns ``needed``, if given.

    Raises:
        SourceError: the file is damaged, and the rest cannot be read.
    """
    with file.open("rb") as stream:
        opened = _decompressed(file, stream)
        try:
            if kind == "parquet":
                # Parquet is read from its end, which a compressed stream cannot seek to.
                seekable = opened if opened is stream else io.BytesIO(opened.read())
                yield from parquet_rows(file, seekable, needed)
                return
            refuse_foreign(file, opened)
            if kind == "jsonl" and not _is_list(opened):
                yield from json_lines(file.name, opened)
            elif kind in ("json", "jsonl"):
                yield from json_rows(file.name, opened)
            else:
                yield from delimited_rows(file, opened, _delimiter(kind, opened))
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            raise SourceError(f"{file} is damaged or cut off: {error}") from error


def first_columns(file: UPath, kind: Format) -> list[str]:
    """The columns of the file, or of its first rows.

    Raises:
        SourceError: the file has no row, or none of its first rows can be read.
    """
    if kind == "parquet" and file.suffix.lower() not in COMPRESSED:
        return parquet_columns(file)
    first = list(itertools.islice(file_rows(file, kind), _PEEK))
    if not first:
        raise SourceError(f"{file} is empty: it holds no prompt")
    readable = [row for _, row in first if not isinstance(row, str)]
    if not readable:
        where, reason = first[0]
        raise SourceError(
            f"{file} does not look like {kind}: none of its first {len(first)} rows can be "
            f"read ({where}: {reason})"
        )
    return list({name: None for row in readable for name in row})


def files_stamp(files: list[UPath]) -> str:
    """A hash of names, sizes and modification times. The files are not read."""
    stats = [(str(file), file.stat()) for file in files]
    return content_id([[name, stat.st_size, stat.st_mtime] for name, stat in stats])


def content_revision(files: list[UPath]) -> str:
    """A hash of the contents of the files, in order: 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _is_list(opened: Any) -> bool:
    """Whether a file of JSON lines is one list of rows, as many are."""
    return _LIST.match(opened.peek(_HEADER)) is not None


def _delimiter(kind: Format, opened: Any) -> str:
    """The delimiter of cells. A CSV without a comma in its first line, as in countries with a
    decimal comma, is delimited by semicolons or tabs."""
    header = opened.peek(_HEADER).partition(b"\n")[0]
    if kind == "tsv" or b"," in header:
        return "\t" if kind == "tsv" else ","
    return next((each for each in ";\t" if each.encode() in header), ",")


def _endings(file: UPath) -> Iterator[str]:
    endings = [ending.lower() for ending in file.suffixes]
    if endings and endings[-1] in COMPRESSED:
        endings.pop()
    yield from endings[-1:]


def _decompressed(file: UPath, stream: IO[bytes]) -> Any:
    opener = COMPRESSED.get(file.suffix.lower())
    plain = stream if opener is None else opener(stream, "rb")
    return plain if hasattr(plain, "peek") else io.BufferedReader(plain)
