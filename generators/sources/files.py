"""Prompts from files of one's own: JSON, JSON lines, CSV, TSV or Parquet, compressed or not."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from upath import UPath

from generators.sources.columns import Columns, SourceError
from generators.sources.file_rows import (
    COMPRESSED,
    FORMATS,
    SUFFIXES,
    Format,
    content_revision,
    file_rows,
    files_stamp,
    first_columns,
    format_of,
)
from schemas import SourceRowError


class Files(Columns):
    """Prompts in the order of a file, or of a folder's files by name (of its ``.json`` files only
    where it holds no others).

    ``path``: any `UPath`. ``format`` is told by the name's ending (``.jsonl``, ``.csv.gz``,
    ``.json.zst``) unless given. The revision is a hash of what the files hold. A row that is no
    prompt is yielded as a `SourceRowError`.
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
            self.require(first_columns(file, kind), str(file))
        return self._prompts(files, start, content_revision([file for file, _ in files]))

    def stamp(self) -> str:
        """Changes when a file comes, goes, or is written to. Raises `SourceError` if none is
        there."""
        return files_stamp([file for file, _ in self._files()])

    def _prompts(
        self, files: list[tuple[UPath, Format]], start: int, revision: str
    ) -> Iterator[Mapping[str, Any] | SourceRowError]:
        path = UPath(self.path)
        source = UPath(path.stem).stem if path.suffix.lower() in COMPRESSED else path.stem
        rows = itertools.chain.from_iterable(
            file_rows(file, kind, self.needed_of(first_columns(file, kind)))
            if kind == "parquet"
            else file_rows(file, kind)
            for file, kind in files
        )
        for where, row in itertools.islice(rows, start, None):
            if isinstance(row, str):
                yield SourceRowError(where, row)
            else:
                yield self.read(row, where=where, source=source, revision=revision)

    def _files(self) -> list[tuple[UPath, Format]]:
        path = UPath(self.path)
        if path.is_dir():
            told = [(file, format_of(file)) for file in path.iterdir()]
            found = [
                (file, kind)
                for file, kind in told
                if kind is not None and self.format in (None, kind)
            ]
            # What lies beside data in JSON tells of the data more often than it is some.
            found = [one for one in found if one[1] != "json"] or found
            if not found:
                raise SourceError(
                    f"folder {path} holds no file that ends in {', '.join(SUFFIXES)} (or, "
                    f"compressed, in {', '.join(COMPRESSED)} after that)"
                )
            return sorted(found, key=lambda one: one[0].name)
        if not path.exists():
            raise SourceError(f"there is no file {path}")
        kind = self.format or format_of(path)
        if kind is None:
            raise SourceError(f"{path}: say its `format:`, one of {', '.join(FORMATS)}")
        return [(path, kind)]
