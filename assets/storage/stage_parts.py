"""The parts of a stage's table, written while the stage is worked.

    <refresh>.parts/00000-<digest>.parquet    the rows that a part kept, and those that it dropped
    <refresh>.parts/00000.json                the names of both, and what made them: written last

When all parts are there, a manifest makes them the table (`assets.storage.parts`). A stage that was
killed finds its parts again, if the same makes them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from upath import UPath

from assets.storage.parts import parts_folder
from assets.storage.tables import (
    Question,
    query_files,
    read_file,
    write_dropped,
    write_manifest,
    write_part,
    write_whole,
)
from schemas import Split


class StageParts:
    """The parts of the table at ``path``."""

    def __init__(self, path: UPath) -> None:
        self.path = path
        self._folder = parts_folder(path)
        self._names: dict[int, tuple[str, str]] = {}

    def kept(self, number: int, made_by: str) -> Mapping[str, Any] | None:
        """The figures of a part, if an earlier run wrote it; else None.

        Args:
            number: The number of the part, from 0.
            made_by: A digest of all that makes the rows of this part.
        """
        try:
            found = json.loads((self._folder / _name(number)).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        files = (found["kept"], found["dropped"])
        # A run that was killed while it removed the parts of a complete table left some.
        if found["made_by"] != made_by or not all((self._folder / name).exists() for name in files):
            return None
        self._names[number] = files
        figures: dict[str, Any] = found["figures"]
        return figures

    def write(self, number: int, split: Split, *, made_by: str, figures: Mapping[str, Any]) -> None:
        """Write a part.

        Args:
            number: The number of the part, from 0.
            split: Its rows.
            made_by: A digest of all that makes them.
            figures: JSON values about the part, for a run that finds it.
        """
        if isinstance(self._folder, Path):
            self._folder.mkdir(parents=True, exist_ok=True)
        names = [write_part(self._folder, number, rows) for rows in (split.kept, split.dropped)]
        about = {"kept": names[0], "dropped": names[1], "made_by": made_by, "figures": figures}
        write_whole(self._folder / _name(number), json.dumps(about).encode())
        self._names[number] = (names[0], names[1])

    def parts(self) -> Iterator[pl.DataFrame]:
        """The kept rows of each part."""
        for name, _ in self._all():
            yield read_file(self._folder / name)

    def query(self, question: Question) -> pl.DataFrame:
        """The answer to ``question`` about the kept rows of all parts."""
        return query_files([self._folder / name for name, _ in self._all()], question)

    def columns(self) -> list[str]:
        """The names of the columns."""
        return self.query(lambda rows: rows.head(0)).columns

    def height(self) -> int:
        """The number of kept rows."""
        return int(self.query(lambda rows: rows.select(pl.len())).item())

    def dropped(self) -> pl.DataFrame:
        """The dropped rows of all parts."""
        return pl.concat(read_file(self._folder / name) for _, name in self._all())

    def publish(self, about: Mapping[str, Any]) -> None:
        """Make the parts the table.

        Args:
            about: JSON values to store with the table.
        """
        write_dropped(self.path, self.dropped())
        write_manifest(self.path, [name for name, _ in self._all()], about)

    def _all(self) -> list[tuple[str, str]]:
        """The names of the files of kept and dropped rows, in the order of the parts."""
        return [self._names[number] for number in sorted(self._names)]


def _name(number: int) -> str:
    return f"{number:05}.json"
