"""Where tables lie: ``tables/<recipe>/<stage>/<refresh>.parquet`` under the root, and the rows that
a stage refused beside it as ``<refresh>.dropped.parquet``.

A file appears whole or not at all: locally it is written beside its place, flushed to the disk and
renamed; an object store's put is whole by itself.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
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


class MissingTableError(FactoryError):
    """A stage wants rows that no one has made yet."""


class DamagedTableError(FactoryError):
    """The file of a table cannot be read."""


class Tables:
    """The tables under one root. ``key`` is an asset's key (recipe, stage); ``refresh`` a date, or
    None for a table that is the same at every refresh."""

    def __init__(self, root: UPath | Path) -> None:
        self.root = UPath(root) / "tables"

    def path(self, key: Sequence[str], refresh: str | None) -> UPath:
        """Where the table lies, whether it exists or not."""
        folder = self.root.joinpath(*key)
        if refresh is None:
            return folder.with_name(f"{folder.name}.parquet")
        return folder / f"{refresh}.parquet"

    def read(self, key: Sequence[str], refresh: str | None) -> pl.DataFrame:
        """The rows that the stage kept. Raises `MissingTableError`."""
        return read_table(self.path(key, refresh))

    def read_dropped(self, key: Sequence[str], refresh: str | None) -> pl.DataFrame:
        """The rows that the stage refused (`schemas.Dropped`). Raises `MissingTableError`."""
        return read_table(dropped_path(self.path(key, refresh)))

    def about(self, key: Sequence[str], refresh: str | None) -> dict[str, Any]:
        """What was written with the table; empty where there is no table."""
        path = self.path(key, refresh)
        if not path.exists():
            return {}
        with _parquet(path) as file:
            found: dict[str, Any] = json.loads(pl.read_parquet_metadata(file).get("about", "{}"))
        return found

    def refreshes(self, key: Sequence[str]) -> list[str]:
        """The refreshes that this table has, oldest first."""
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
        """Put both parts of ``split`` in place, the kept rows last: they make the table exist."""
        path = self.path(key, refresh)
        write_split(path, split, about=about)
        return path


def dropped_path(path: UPath) -> UPath:
    """Where the refused rows of the table at ``path`` lie."""
    return path.with_name(path.name.removesuffix(".parquet") + DROPPED)


def read_table(path: UPath) -> pl.DataFrame:
    """One Parquet file as a frame, with all columns that its table has by now.

    Raises `MissingTableError` where there is none, `DamagedTableError` where it cannot be read.
    """
    try:
        with _parquet(path) as file:
            return migrated(pl.read_parquet(file))
    except FileNotFoundError as error:
        raise MissingTableError(f"there is no table {path}") from error


@contextmanager
def _parquet(path: UPath) -> Iterator[IO[bytes]]:
    """The file, opened. Raises `DamagedTableError` if Polars, inside, cannot read it."""
    with path.open("rb") as file:
        try:
            yield file
        # Polars panics where a Parquet file contradicts itself.
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DamagedTableError(
                f"{path} is damaged ({error}): put a copy of it back, or remove it and make it "
                f"again with: {_command_that_makes(path)}"
            ) from error


def _command_that_makes(path: UPath) -> str:
    """The command that makes the table at ``path`` again."""
    *_, tables, recipe, _, file = ("", "", "", *path.parts)
    if tables != "tables" or recipe == "prompts":
        return "factory run RECIPE, with a recipe that reads or makes it"
    return f"factory run {recipe} --refresh {file.partition('.')[0]}"


def write_split(path: UPath, split: Split, *, about: Mapping[str, Any] | None = None) -> None:
    """Write both parts of ``split``, each whole or not at all. Raises as `write_whole` does."""
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    _write(dropped_path(path), split.dropped, {})
    _write(path, split.kept, about or {})


def _write(path: UPath, frame: pl.DataFrame, about: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    metadata = {"about": json.dumps(about, sort_keys=True)} if about else None
    frame.write_parquet(buffer, compression="zstd", metadata=metadata)
    write_whole(path, buffer.getvalue())


def write_whole(path: UPath, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees all of it or what was there before.

    Raises `FactoryError` where an object store has no such bucket.
    """
    if not isinstance(path, Path):
        try:
            path.write_bytes(content)
        except FileNotFoundError as error:
            raise FactoryError(
                f"{path} cannot be written: there is no bucket {path.drive!r}. Make it, or name "
                "another root in factory.yaml"
            ) from error
        return
    with with_file_name(path):
        write_file(path, content)
