"""Prompts from files of one's own: JSON lines, CSV or Parquet."""

import csv
import hashlib
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, Literal

from upath import UPath

from generators.columns import Columns, SourceError
from schemas import SourceRowError, content_id

Format = Literal["jsonl", "csv", "parquet"]
SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
PEEK = 100


class Files(Columns):
    """Prompts in the order of a file, or of a folder's files by name.

    ``path``: any `UPath`. ``format`` is told by the name's ending unless given. The revision is a
    hash of what the files hold. A row that is no prompt is yielded as a `SourceRowError`.
    """

    path: str
    format: Format | None = None

    def prompts(self, start: int = 0) -> Iterator[Mapping[str, Any] | SourceRowError]:
        """Rows from number ``start`` (blank lines are none); nothing is read before it is asked
        for, save what the checks and the revision need.

        Raises `SourceError` if a file is missing, empty or unreadable, or lacks a column.
        """
        files = self._files()
        for file, kind in files:
            self._check(file, kind)
        return self._prompts(files, start, content_revision([file for file, _ in files]))

    def stamp(self) -> str:
        """Changes when a file comes, goes, or is written to. Raises `SourceError` if none is
        there."""
        return files_stamp([file for file, _ in self._files()])

    def _prompts(
        self, files: list[tuple[UPath, Format]], start: int, revision: str
    ) -> Iterator[Mapping[str, Any] | SourceRowError]:
        source = UPath(self.path).stem
        rows = itertools.chain.from_iterable(self._rows(file, kind) for file, kind in files)
        for where, row in itertools.islice(rows, start, None):
            if isinstance(row, str):
                yield SourceRowError(where, row)
            else:
                yield self.read(row, where=where, source=source, revision=revision)

    def _files(self) -> list[tuple[UPath, Format]]:
        path = UPath(self.path)
        if path.is_dir():
            told = {file: SUFFIXES.get(file.suffix.lower()) for file in path.iterdir()}
            kinds = {self.format} if self.format else set(SUFFIXES.values())
            found = [(file, kind) for file, kind in told.items() if kind in kinds]
            if not found:
                raise SourceError(f"folder {path} holds no file that ends in {', '.join(SUFFIXES)}")
            return sorted(found, key=lambda one: one[0].name)
        if not path.exists():
            raise SourceError(f"there is no file {path}")
        kind = self.format or SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise SourceError(f"{path}: say its `format:`, one of jsonl, csv and parquet")
        return [(path, kind)]

    def _check(self, file: UPath, kind: Format) -> None:
        """Raise `SourceError` if the file holds no row, or none of its first has the columns."""
        if kind == "parquet":
            self.require(_parquet_columns(file), str(file))
            return
        first = list(itertools.islice(self._rows(file, kind), PEEK))
        if not first:
            raise SourceError(f"{file} is empty: it holds no prompt")
        readable = [row for _, row in first if not isinstance(row, str)]
        if not readable:
            where, reason = first[0]
            raise SourceError(
                f"{file} does not look like {kind}: none of its first {len(first)} rows can be "
                f"read ({where}: {reason})"
            )
        self.require({name: None for row in readable for name in row}, str(file))

    def _rows(self, file: UPath, kind: Format) -> "Rows":
        return file_rows(file, kind, self.needed)


Rows = Iterator[tuple[str, Mapping[str, Any] | str]]
"""Each row's place, and what it holds or (a text) why it cannot be read."""


def file_rows(file: UPath, kind: Format, needed: list[str] | None = None) -> Rows:
    """The rows of one file as they are; of Parquet the columns ``needed`` alone, if given."""
    read = {"jsonl": _json_lines, "csv": _csv, "parquet": _parquet}
    with file.open("rb") as stream:
        yield from read[kind](file, stream, needed)


def _json_lines(file: UPath, stream: IO[bytes], needed: list[str] | None) -> Rows:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        where = f"{file.name}, line {number}"
        try:
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            yield where, f"not UTF-8: {error.reason} at byte {error.start}"
        except (json.JSONDecodeError, RecursionError) as error:
            yield where, f"malformed JSON: {error}"
        else:
            yield where, row if isinstance(row, dict) else "not a JSON object {column: value}"


def _csv(file: UPath, stream: IO[bytes], needed: list[str] | None) -> Rows:
    # The default limit of 131,072 characters a cell would refuse long prompts.
    csv.field_size_limit(2**31 - 1)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(text, strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"{file.name}, line {rows.line_num}", f"malformed CSV: {error}"
            continue
        where = f"{file.name}, line {rows.line_num}"
        if not cells:
            continue
        if header is None:
            header = cells
            if len(set(header)) < len(header):
                raise SourceError(f"{file}: two columns have the same name: {header}")
        elif len(cells) != len(header):
            yield where, f"{len(cells)} cells, but the header has {len(header)}"
        else:
            yield where, dict(zip(header, cells, strict=True))


def _parquet(file: UPath, stream: IO[bytes], needed: list[str] | None) -> Rows:
    import pyarrow.parquet as pq

    number = 0
    for batch in pq.ParquetFile(stream).iter_batches(1000, columns=needed):
        for row in batch.to_pylist():
            yield f"{file.name}, row {number}", row
            number += 1


def _parquet_columns(file: UPath) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.open("rb") as stream:
            opened = pq.ParquetFile(stream)
            if opened.metadata.num_rows == 0:
                raise SourceError(f"{file} is empty: it holds no prompt")
            return list(opened.schema_arrow.names)
    except pa.ArrowInvalid as error:
        raise SourceError(f"{file} is not Parquet, or is damaged: {error}") from error


def files_stamp(files: list[UPath]) -> str:
    """A hash of names, sizes and times, for which nothing is read."""
    told = [(str(file), file.stat()) for file in files]
    return content_id([[name, stat.st_size, stat.st_mtime] for name, stat in told])


def content_revision(files: list[UPath]) -> str:
    """A hash of what the files hold, in order: 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
