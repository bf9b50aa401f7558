"""The files of tables: ``tables/<recipe>/<stage>/<refresh>.parquet`` under the root.

The rows that a stage dropped are in the same folder, in ``<refresh>.dropped.parquet``.

Writes are atomic. A local file is written under another name in the same folder, flushed to the
disk and renamed. The put of an object store is atomic.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl
from upath import UPath

from assets.config.causes import with_file_name
from assets.config.errors import FactoryError
from schemas import Split, migrated
from schemas.atomic import write_file

DROPPED = ".dropped.parquet"

GROUP = 20_000
"""The rows of a group of a file. A slice of a file is read without the rest of it by its groups."""

Question = Callable[[pl.LazyFrame], pl.LazyFrame]
"""Selects columns or rows of a table, or counts them."""


class MissingTableError(FactoryError):
    """A table does not exist yet."""


class DamagedTableError(FactoryError):
    """The file of a table cannot be read."""


class Tables:
    """The tables under one root.

    In all methods, ``key`` is the key of an asset (recipe, stage), and ``refresh`` is a day such as
    ``2026-01-31``, or None for a table that is the same at every refresh.
    """

    def __init__(self, root: UPath | Path) -> None:
        self.root = UPath(root) / "tables"

    def path(self, key: Sequence[str], refresh: str | None) -> UPath:
        """The path of a table, which need not exist."""
        folder = self.root.joinpath(*key)
        if refresh is None:
            return folder.with_name(f"{folder.name}.parquet")
        return folder / f"{refresh}.parquet"

    def read(self, key: Sequence[str], refresh: str | None) -> pl.DataFrame:
        """Read the rows that a stage kept. Raises as `read_table` does."""
        return read_table(self.path(key, refresh))

    def query(self, key: Sequence[str], refresh: str | None, question: Question) -> pl.DataFrame:
        """The answer to ``question`` about the rows that a stage kept, by Polars' streaming engine.

        Meant for counts and for columns without long texts. Raises as `read_table` does.
        """
        return query_table(self.path(key, refresh), question)

    def select(self, key: Sequence[str], refresh: str | None, question: Question) -> pl.DataFrame:
        """The answers to ``question`` about each slice of the rows that a stage kept, in order.

        Only one slice is in memory at a time, so this is for questions about texts, each of which
        is about one row. Raises as `read_table` does.
        """
        return select_rows(self.path(key, refresh), question)

    def height(self, key: Sequence[str], refresh: str | None) -> int:
        """The number of rows that a stage kept. Raises as `read_table` does."""
        return int(self.query(key, refresh, lambda rows: rows.select(pl.len())).item())

    def read_dropped(self, key: Sequence[str], refresh: str | None) -> pl.DataFrame:
        """Read the `schemas.Dropped` rows of a stage. Raises as `read_table` does."""
        return read_table(dropped_path(self.path(key, refresh)))

    def about(self, key: Sequence[str], refresh: str | None) -> dict[str, Any]:
        """The JSON values that were written with a table; empty if there is no table."""
        path = self.path(key, refresh)
        if not path.exists():
            return {}
        with _parquet(path) as file:
            about: dict[str, Any] = json.loads(pl.read_parquet_metadata(file).get("about", "{}"))
        return about

    def refreshes(self, key: Sequence[str]) -> list[str]:
        """The refreshes of a table, oldest first."""
        folder = self.root.joinpath(*key)
        if not folder.is_dir():
            return []
        names = (path.name for path in folder.iterdir())
        return sorted(
            name.removesuffix(".parquet")
            for name in names
            if name.endswith(".parquet") and not name.endswith(DROPPED) and name[0] != "."
        )

    def write(
        self,
        key: Sequence[str],
        refresh: str | None,
        split: Split,
        *,
        about: Mapping[str, Any] | None = None,
    ) -> UPath:
        """Write the kept and dropped rows of a stage.

        The kept rows are written last, because their file makes the table exist.

        Args:
            key: The key of the table.
            refresh: The refresh.
            split: The rows.
            about: JSON values to store with the table.

        Returns:
            The path of the kept rows.
        """
        path = self.path(key, refresh)
        write_split(path, split, about=about)
        return path


def dropped_path(path: UPath) -> UPath:
    """The path of the dropped rows of the table at ``path``."""
    return path.with_name(path.name.removesuffix(".parquet") + DROPPED)


def read_table(path: UPath) -> pl.DataFrame:
    """Read a Parquet file. Columns that its table did not have at the time are added.

    Raises:
        MissingTableError: There is no such file.
        DamagedTableError: The file cannot be read.
    """
    try:
        with _parquet(path) as file:
            return migrated(pl.read_parquet(file))
    except FileNotFoundError as error:
        raise MissingTableError(f"there is no table {path}") from error


def query_table(path: UPath, question: Question) -> pl.DataFrame:
    """The answer to ``question`` about the rows of a Parquet file. Raises as `read_table` does."""
    with _scanned(path) as rows:
        return question(rows).collect(engine="streaming")


def select_rows(path: UPath, question: Question) -> pl.DataFrame:
    """The answers to ``question`` about each slice of a file. Raises as `read_table` does."""
    with _scanned(path) as rows:
        height = rows.select(pl.len()).collect().item()
        slices = [
            _compact(question(rows.slice(start, GROUP)).collect(engine="streaming"))
            for start in range(0, max(height, 1), GROUP)
        ]
    return pl.concat(slices)


def _compact(frame: pl.DataFrame) -> pl.DataFrame:
    """A copy. The rows that a filter leaves share the memory of the texts that it removes."""
    content = frame.write_ipc(None, compat_level=pl.CompatLevel.oldest())
    return pl.read_ipc(content.getvalue())


@contextmanager
def _scanned(path: UPath) -> Iterator[pl.LazyFrame]:
    """The rows of a file, not read yet. Raises as `read_table` does inside the context."""
    try:
        with _parquet(path) as file:
            # Polars reads what it needs of a local file, and an object of a store as a whole.
            yield migrated(pl.scan_parquet(path if isinstance(path, Path) else file))
    except FileNotFoundError as error:
        raise MissingTableError(f"there is no table {path}") from error


@contextmanager
def _parquet(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file. Raises `DamagedTableError` if Polars cannot read it inside the context."""
    with path.open("rb") as file:
        try:
            yield file
        # Polars panics if a Parquet file is inconsistent.
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DamagedTableError(
                f"{path} is damaged ({error}): restore a backup, or remove it and make it again "
                f"with: {_command_for(path)}"
            ) from error


def _command_for(path: UPath) -> str:
    """The command that makes the table at ``path`` again."""
    *_, tables, recipe, _, file = ("", "", "", *path.parts)
    if tables != "tables" or recipe == "prompts":
        return "factory run RECIPE, with a recipe that reads or makes it"
    return f"factory run {recipe} --refresh {file.partition('.')[0]}"


def write_split(path: UPath, split: Split, *, about: Mapping[str, Any] | None = None) -> None:
    """Write the kept and dropped rows, each file atomically. Raises as `write_whole` does."""
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    _write(dropped_path(path), split.dropped, {})
    _write(path, split.kept, about or {})


def _write(path: UPath, frame: pl.DataFrame, about: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    metadata = {"about": json.dumps(about, sort_keys=True)} if about else None
    frame.write_parquet(buffer, compression="zstd", row_group_size=GROUP, metadata=metadata)
    write_whole(path, buffer.getvalue())


def write_whole(path: UPath, content: bytes) -> None:
    """Write a file atomically: after a crash, it holds either all or nothing of the new content.

    Raises:
        FactoryError: The object store has no such bucket.
    """
    if not isinstance(path, Path):
        try:
            path.write_bytes(content)
        except FileNotFoundError as error:
            raise FactoryError(
                f"{path} cannot be written: there is no bucket {path.drive!r}. Create it, or set "
                "another root in factory.yaml"
            ) from error
        return
    with with_file_name(path):
        write_file(path, content)
