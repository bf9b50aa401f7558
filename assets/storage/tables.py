"""The files of tables: ``tables/<recipe>/<stage>/<refresh>.parquet`` under the root.

The rows that a stage dropped are in the same folder, in ``<refresh>.dropped.parquet``. A table of
many rows is stored in parts (`assets.storage.parts`).

Writes are atomic. A local file is written under another name in the same folder, flushed to the
disk and renamed. The put of an object store is atomic.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl
from upath import UPath

from assets.config.causes import with_file_name
from assets.config.errors import FactoryError
from assets.storage.parts import ROWS, SUFFIX, Manifest, cut, manifest_path, parts_folder
from schemas import Split, migrated
from schemas.atomic import copy_file, write_file

DROPPED = ".dropped.parquet"

GROUP = 20_000
"""The rows of a group of a file. A slice of a file is read without the rest of it by its groups."""

SLICE = 50_000
"""The most rows with texts that are in memory at a time."""

_PIECE = 2**20
"""The bytes of a file that are in memory at a time."""

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

    def slices(self, key: Sequence[str], refresh: str | None) -> Iterator[pl.DataFrame]:
        """The rows that a stage kept, at most `SLICE` at a time. Raises as `read_table` does."""
        return table_slices(self.path(key, refresh))

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
            manifest = _manifest(path)
            return {} if manifest is None else dict(manifest.about)
        with _parquet(path) as file:
            about: dict[str, Any] = json.loads(pl.read_parquet_metadata(file).get("about", "{}"))
        return about

    def refreshes(self, key: Sequence[str]) -> list[str]:
        """The refreshes of a table, oldest first."""
        folder = self.root.joinpath(*key)
        if not folder.is_dir():
            return []
        names = {path.name for path in folder.iterdir()}
        files = {
            name.removesuffix(".parquet")
            for name in names
            if name.endswith(".parquet") and not name.endswith(DROPPED) and name[0] != "."
        }
        folders = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)} - files
        return sorted(
            files | {each for each in folders if table_exists(folder / f"{each}.parquet")}
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
        write_split(path, split, about=about, part=ROWS)
        return path


def dropped_path(path: UPath) -> UPath:
    """The path of the dropped rows of the table at ``path``."""
    return path.with_name(path.name.removesuffix(".parquet") + DROPPED)


def table_exists(path: UPath) -> bool:
    """Whether there is a table at ``path``, as one file or in parts."""
    return path.exists() or manifest_path(path).exists()


def read_table(path: UPath) -> pl.DataFrame:
    """Read a table. Columns that its schema did not have at the time are added.

    Raises:
        MissingTableError: There is no such table.
        DamagedTableError: A file of it cannot be read.
    """

    return pl.concat(map(read_file, table_files(path)))


def read_file(file: UPath) -> pl.DataFrame:
    """The rows of one file of a table. Raises as `read_table` does."""
    with _parquet(file) as opened:
        return migrated(pl.read_parquet(opened))


def query_table(path: UPath, question: Question) -> pl.DataFrame:
    """The answer to ``question`` about the rows of a table. Raises as `read_table` does."""
    return query_files(table_files(path), question)


def query_files(files: Sequence[UPath], question: Question) -> pl.DataFrame:
    """The answer to ``question`` about the rows of all ``files``. Raises as `read_table` does."""
    with ExitStack() as stack:
        rows = [stack.enter_context(_scanned(file)) for file in files]
        return question(pl.concat(rows)).collect(engine="streaming")


def having(wanted: pl.Series) -> Question:
    """Asks for the rows whose value of the column ``wanted.name`` is in ``wanted``."""
    return lambda rows: rows.filter(pl.col(wanted.name).is_in(wanted.implode()))


def select_rows(path: UPath, question: Question) -> pl.DataFrame:
    """The answers to ``question`` about each slice of a table. Raises as `read_table` does."""
    slices = []
    for file in table_files(path):
        with _scanned(file) as rows:
            height = rows.select(pl.len()).collect().item()
            slices += [
                _compact(question(rows.slice(start, GROUP)).collect(engine="streaming"))
                for start in range(0, max(height, 1), GROUP)
            ]
    return pl.concat(slices)


def table_slices(path: UPath) -> Iterator[pl.DataFrame]:
    """The rows of a table in order, at most `SLICE` at a time: one frame at least, which may be
    empty. Raises as `read_table` does."""
    for file in table_files(path):
        yield from file_slices(file)


def file_slices(file: UPath) -> Iterator[pl.DataFrame]:
    """The rows of one file of a table, as `table_slices` gives them."""
    with _scanned(file) as scanned:
        height = scanned.select(pl.len()).collect().item()
        for start in range(0, max(height, 1), SLICE):
            yield scanned.slice(start, SLICE).collect(engine="streaming")


def table_files(path: UPath) -> list[UPath]:
    """The file of the table at ``path``, or its parts in order."""
    if path.exists():
        return [path]
    manifest = _manifest(path)
    if manifest is None:
        raise MissingTableError(f"there is no table {path}")
    return [parts_folder(path) / name for name in manifest.parts]


def file_digest(file: UPath) -> str:
    """A digest of the content of a file."""
    digest = hashlib.blake2b()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _manifest(path: UPath) -> Manifest | None:
    """The manifest of the table at ``path``; None if it is not stored in parts."""
    place = manifest_path(path)
    if not place.exists():
        return None
    try:
        return Manifest(**json.loads(place.read_bytes()))
    except (ValueError, TypeError) as error:
        raise _damaged(place, path, error) from error


def _compact(frame: pl.DataFrame) -> pl.DataFrame:
    """A copy. The rows that a filter leaves share the memory of the texts that it removes."""
    content = frame.write_ipc(None, compat_level=pl.CompatLevel.oldest())
    return pl.read_ipc(content.getvalue())


@contextmanager
def _scanned(path: UPath) -> Iterator[pl.LazyFrame]:
    """The rows of a file, not read yet. Raises as `read_table` does inside the context."""
    with _parquet(path) as file:
        # Polars reads what it needs of a local file, and an object of a store as a whole.
        yield migrated(pl.scan_parquet(path if isinstance(path, Path) else file))


@contextmanager
def _parquet(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file. Raises `DamagedTableError` if it is missing, or if Polars cannot read it inside
    the context."""
    try:
        with path.open("rb") as file:
            yield file
    # Polars panics if a Parquet file is inconsistent.
    except (FileNotFoundError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(path, path, error) from error


def _damaged(file: UPath, table: UPath, error: BaseException) -> DamagedTableError:
    return DamagedTableError(
        f"{file} is damaged ({error}): restore a backup, or remove it and make it again with: "
        f"{_command_for(table)}"
    )


def _command_for(path: UPath) -> str:
    """The command that makes the table at ``path`` again."""
    if path.parent.name.endswith(SUFFIX):
        path = path.parent
    *_, tables, recipe, _, file = ("", "", "", *path.parts)
    if tables != "tables" or recipe == "prompts":
        return "factory run RECIPE, with a recipe that reads or makes it"
    return f"factory run {recipe} --refresh {file.partition('.')[0]}"


def write_split(
    path: UPath, split: Split, *, about: Mapping[str, Any] | None = None, part: int | None = None
) -> None:
    """Write the kept and dropped rows, each file atomically. Raises as `write_whole` does.

    Args:
        path: The place of the kept rows.
        split: The rows.
        about: JSON values to store with the table.
        part: The rows of a part. A table of more rows is written in parts; by default, none is.
    """
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_dropped(path, split.dropped)
    if part is not None and split.kept.height > part:
        write_manifest(path, list(_write_parts(path, split.kept, part)), about or {})
        return
    _write(path, split.kept, about or {})
    if parts_folder(path).exists():
        manifest_path(path).unlink(missing_ok=True)
        _remove_parts(path)


def write_dropped(path: UPath, dropped: pl.DataFrame) -> None:
    """Write the dropped rows of the table at ``path``."""
    _write(dropped_path(path), dropped, {})


def write_manifest(path: UPath, names: Sequence[str], about: Mapping[str, Any]) -> None:
    """Make the parts ``names`` the table at ``path``, and remove all others."""
    manifest = Manifest(names, dict(about))
    write_whole(manifest_path(path), json.dumps(manifest._asdict(), sort_keys=True).encode())
    # A file is read in place of the parts, so there is one table or the other at any moment.
    if path.exists():
        path.unlink()
    _remove_parts(path, but=[*names, manifest_path(path).name])


def _write_parts(path: UPath, frame: pl.DataFrame, rows: int) -> Iterator[str]:
    """Write the parts of a table; their names."""
    folder = parts_folder(path)
    if isinstance(folder, Path):
        folder.mkdir(exist_ok=True)
    for number, part in enumerate(cut(frame, rows)):
        yield write_part(folder, number, part)


def write_part(folder: UPath, number: int, frame: pl.DataFrame) -> str:
    """Write a part of a table into the folder of its parts; its name."""
    content = _content(frame, {})
    name = f"{number:05}-{hashlib.blake2b(content, digest_size=8).hexdigest()}.parquet"
    write_whole(folder / name, content)
    return name


def _remove_parts(path: UPath, *, but: Collection[str] = ()) -> None:
    """Remove the parts of an earlier table at ``path``."""
    folder = parts_folder(path)
    for part in list(folder.iterdir()):
        if part.name not in but:
            part.unlink()
    # An object store has no folders.
    if not but and isinstance(folder, Path):
        folder.rmdir()


def _write(path: UPath, frame: pl.DataFrame, about: Mapping[str, Any]) -> None:
    write_whole(path, _content(frame, about))


def _content(frame: pl.DataFrame, about: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    metadata = {"about": json.dumps(about, sort_keys=True)} if about else None
    frame.write_parquet(buffer, compression="zstd", row_group_size=GROUP, metadata=metadata)
    return buffer.getvalue()


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


def copy_whole(path: UPath, file: UPath) -> None:
    """Copy a local file as `write_whole` writes content, a piece at a time."""
    if isinstance(path, Path):
        with with_file_name(path):
            copy_file(path, file)
    else:
        with file.open("rb") as content, path.open("wb") as stored:
            shutil.copyfileobj(content, stored, _PIECE)
