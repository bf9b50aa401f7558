"""Prompts from files: JSON, JSON lines, CSV, TSV or Parquet, compressed or not."""

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
    """Prompts from a file, or from the files of a folder in the order of their names. ``.json``
    files in a folder are read only if it holds no other data files.

    ``path``: any `UPath`. ``format``: by default the extension decides (``.jsonl``, ``.csv.gz``,
    ``.json.zst``). The revision is a hash of the contents. A row that is not a prompt is yielded as
    a `SourceRowError`.
    """

    path: str
    format: Format | None = None

    def prompts(self, start: int = 0) -> Iterator[Mapping[str, Any] | SourceRowError]:
        """The rows from number ``start``; blank lines do not count. Rows are read when they are
        needed; the checks and the revision read the files once before.

        Raises:
            SourceError: a file is missing, empty or unreadable, or lacks a column.
        """
        files = self._files()
        for file, kind in files:
            self.require(first_columns(file, kind), str(file))
        return self._prompts(files, start, content_revision([file for file, _ in files]))

    def stamp(self) -> str:
        """A value that changes when a file is added, removed or written.

        Raises:
            SourceError: there is no file.
        """
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
            # Names with a dot in front are the system's, such as "._data.jsonl" of macOS.
            inside = [file for file in path.iterdir() if not file.name.startswith(".")]
            formats = [(file, format_of(file)) for file in inside]
            files = [
                (file, kind)
                for file, kind in formats
                if kind is not None and self.format in (None, kind)
            ]
            # A JSON file next to data files is usually metadata about them.
            files = [one for one in files if one[1] != "json"] or files
            if not files:
                folders = sorted(file.name for file in inside if file.is_dir())
                raise SourceError(
                    f"folder {path} holds no file that ends in {', '.join(SUFFIXES)} (or, "
                    f"compressed, in {', '.join(COMPRESSED)} after that)"
                    + (
                        f"; the folders in it ({', '.join(folders)}) are not read"
                        if folders
                        else ""
                    )
                )
            return sorted(files, key=lambda one: one[0].name)
        if not path.exists():
            raise SourceError(f"there is no file {path}")
        kind = self.format or format_of(path)
        if kind is None:
            raise SourceError(
                f"{path}: the format is unknown: set `format:` to one of {', '.join(FORMATS)}"
            )
        return [(path, kind)]
