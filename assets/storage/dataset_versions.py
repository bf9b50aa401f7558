"""The files of curated datasets and their versions.

    datasets/<name>/versions/000003.json      a version: its files and its metadata
    datasets/<name>/rows/train-2026-11-21-<digest>.parquet    rows of a split from one refresh
    datasets/<name>/splits.parquet            the split of each prompt so far, by its key
    datasets/<name>/decisions/                what was decided about rows (`assets.datasets`)
    datasets/<name>/dropped/<digest>.parquet  `schemas.Dropped`: every row that is in no split

The name of a file holds a digest of its content, and a file never changes. So versions share files,
and a new refresh adds one or two files. There is a new version only if rows changed. Numbers that
differ by at most `TOLERANCE` count as unchanged: on a GPU or a server, the last digits of a
log-prob depend on the batch. On a CPU they do not.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal
from upath import UPath

from assets.config.errors import FactoryError
from assets.storage.tables import (
    GROUP,
    MissingTableError,
    Question,
    copy_whole,
    file_slices,
    query_files,
    read_table,
    table_files,
    table_slices,
    write_whole,
)
from assets.storage.version_numbers import stored_version, version_numbers
from schemas import content_id
from schemas.atomic import temporary_folder

TRAIN, HELD_OUT = "train", "held_out"
SPLITS = (TRAIN, HELD_OUT)
TOLERANCE = 1e-4
"""The absolute or relative difference to the newest version up to which a number counts as equal.
Rounding would not work: two close numbers may round to different values."""


@dataclass(frozen=True)
class VersionPart:
    """The rows of one split that come from one refresh. ``made_by`` is a digest of what they were
    made from."""

    split: str
    refresh: str
    rows: int
    file: str
    made_by: str = ""


@dataclass(frozen=True)
class NewPart:
    """Rows to write as a `VersionPart`. They are read, some at a time, only if ``made_by`` is not
    that of before."""

    split: str
    refresh: str
    rows: int
    made_by: str
    read: Callable[[], Iterator[pl.DataFrame]]


@dataclass(frozen=True)
class Version:
    """One version of a dataset.

    Attributes:
        number: Its number, from 1.
        digest: A digest of its rows.
        made: When the dataset first had these rows, in UTC.
        table: The name of the table of its rows.
        parts: Its files of rows.
        dropped: Its file of dropped rows.
        about: What it was made from, as JSON values.
    """

    number: int
    digest: str
    made: str
    table: str
    parts: tuple[VersionPart, ...]
    dropped: str
    about: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, split: str | None = None) -> int:
        """The number of rows in ``split``, or in both splits."""
        return sum(part.rows for part in self.parts if split in (None, part.split))


class Versions:
    """The versions of a dataset.

    Args:
        root: The root of the factory's files.
        name: The name of the dataset.

    Attributes:
        name: The name of the dataset.
        folder: The folder of its files.
    """

    def __init__(self, root: UPath | Path, name: str) -> None:
        self.name = name
        self.folder = UPath(root) / "datasets" / name

    def numbers(self) -> list[int]:
        """The numbers of the stored versions, oldest first."""
        return version_numbers(self.folder / "versions")

    def version(self, number: int | None = None) -> Version:
        """Read a version; by default the newest.

        Raises:
            MissingTableError: There is no such version.
            FactoryError: Its file is damaged.
        """
        path = self._path(
            stored_version(
                self.numbers(),
                number,
                of=f"datasets/{self.name}",
                none=f"datasets/{self.name} has no rows yet; run one of its recipes: "
                "factory run RECIPE",
            )
        )
        try:
            fields = json.loads(path.read_bytes())
            return Version(
                **{**fields, "parts": tuple(VersionPart(**part) for part in fields["parts"])}
            )
        except (ValueError, TypeError, KeyError) as error:
            raise FactoryError(
                f"{path} is damaged ({error}): restore a backup, or remove it; the next factory "
                "run of one of its recipes makes the rows of this version again"
            ) from error

    def read(self, version: Version, split: str | None = None) -> pl.DataFrame:
        """Read the rows of a version.

        Args:
            version: The version.
            split: The split to read; by default both.

        Returns:
            The rows with a column ``split``: train first, then oldest first. A split without rows
            has the columns of the other.

        Raises:
            MissingTableError: A file of the version is missing.
        """
        frames = [self.rows_of(part) for part in version.parts if split in (None, part.split)] or [
            self.rows_of(part).clear() for part in version.parts[:1]
        ]
        return pl.concat(frames) if frames else pl.DataFrame(schema={"split": pl.String})

    def rows_of(self, part: VersionPart) -> pl.DataFrame:
        """Read the rows of a part, with a column ``split``."""
        rows = read_table(self.folder / "rows" / part.file)
        return rows.with_columns(split=pl.lit(part.split))

    def slices_of(self, part: VersionPart) -> Iterator[pl.DataFrame]:
        """Read the rows of a part as `rows_of` does, some at a time."""
        for frame in table_slices(self.folder / "rows" / part.file):
            yield frame.with_columns(split=pl.lit(part.split))

    def query(self, parts: Iterable[VersionPart], question: Question) -> pl.DataFrame:
        """The answer to ``question`` about the rows of some parts, without a column ``split``."""
        places = [self.folder / "rows" / part.file for part in parts]
        return query_files([file for place in places for file in table_files(place)], question)

    def remembered(self) -> pl.DataFrame:
        """The ``split`` of every prompt so far, by its ``key`` (`assets.datasets.splits`)."""
        path = self.folder / "splits.parquet"
        nothing = pl.DataFrame(schema={"key": pl.String, "split": pl.String})
        return read_table(path) if path.exists() else nothing

    def remember(self, splits: pl.DataFrame) -> None:
        """Store the split of every prompt by its key. ``splits`` must hold the stored ones too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / "splits.parquet", _parquet(splits))

    def write(
        self,
        new_parts: Sequence[NewPart],
        dropped: pl.DataFrame,
        *,
        table: str,
        about: Mapping[str, Any],
    ) -> tuple[Version, bool]:
        """Write rows as the newest version. Unchanged rows update the version that holds them.

        Args:
            new_parts: The rows of each split and refresh.
            dropped: The `schemas.Dropped` rows; they always replace the stored ones.
            table: The name of the table of the rows.
            about: What the rows were made from, as JSON values; it always replaces the stored one.

        Returns:
            The newest version, and whether it is a new one.
        """
        numbers = self.numbers()
        last = self.version() if numbers else None
        before = {(part.split, part.refresh): part for part in last.parts} if last else {}
        parts = [self._written(part, before.get((part.split, part.refresh))) for part in new_parts]
        parts.sort(key=lambda part: (SPLITS.index(part.split), part.refresh))
        refused = f"{_digest(dropped)}.parquet"
        self._put("dropped", refused, dropped)
        digest = content_id(table, [part.file for part in parts])
        new = last is None or last.digest != digest
        version = Version(
            number=(numbers[-1] if numbers else 0) + int(new),
            digest=digest,
            made=_now() if last is None or new else last.made,
            table=table,
            parts=tuple(parts),
            dropped=refused,
            about=about,
        )
        content = json.dumps(asdict(version), indent=1, sort_keys=True)
        path = self._path(version.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode())
        # Also what an update that was killed wrote, if this one wrote other rows.
        stored = [(name, path) for name in ("rows", "dropped") for path in self._files_in(name)]
        self._remove_unused((name, path.name) for name, path in stored)
        return version, new

    def prune(self, keep: int) -> tuple[Sequence[int], int]:
        """Remove old versions, and the files that no other version uses.

        Args:
            keep: How many of the newest versions to keep, at least 1.

        Returns:
            The numbers of the removed versions, and the bytes that were freed.

        Raises:
            FactoryError: ``keep`` is less than 1.
        """
        if keep < 1:
            raise FactoryError("a dataset keeps one version at least: --keep 1")
        numbers = self.numbers()
        removed = [self.version(number) for number in numbers[:-keep]]
        for version in removed:
            # First, so that no version is listed whose files are missing.
            self._path(version.number).unlink()
        freed = self._remove_unused(file for version in removed for file in _files(version))
        return [version.number for version in removed], freed

    def _written(self, part: NewPart, stored: VersionPart | None) -> VersionPart:
        """Write a part, unless ``stored``, that of the newest version, has the same rows."""
        if stored is None or stored.made_by != part.made_by or not self._exists(stored):
            with temporary_folder("factory-dataset-") as folder:
                rows, digest = _gathered(part.read(), folder)
                name = f"{part.split}-{part.refresh}-{digest}.parquet"
                if stored is None or (stored.file != name and not self._is_equal(stored, rows)):
                    stored = VersionPart(part.split, part.refresh, part.rows, name)
                if not self._exists(stored):
                    place = self.folder / "rows" / stored.file
                    place.parent.mkdir(parents=True, exist_ok=True)
                    copy_whole(place, rows)
        return replace(stored, made_by=part.made_by)

    def _exists(self, part: VersionPart) -> bool:
        return (self.folder / "rows" / part.file).exists()

    def _is_equal(self, stored: VersionPart, rows: UPath) -> bool:
        """Whether the rows of a file equal the stored ones; numbers up to `TOLERANCE`."""
        before = self.folder / "rows" / stored.file
        try:
            both = zip(file_slices(rows), table_slices(before), strict=True)
            for new, old in both:
                assert_frame_equal(new, old, abs_tol=TOLERANCE, rel_tol=TOLERANCE)
        # Of more slices than the other, zip says ValueError.
        except (AssertionError, ValueError, MissingTableError):
            return False
        return True

    def _remove_unused(self, files: Iterable[tuple[str, str]]) -> int:
        """Remove the files that no version uses; returns the bytes that were freed."""
        versions = [self.version(number) for number in self.numbers()]
        needed = {file for version in versions for file in _files(version)}
        freed = 0
        for folder, name in set(files) - needed:
            path = self.folder / folder / name
            if path.exists():
                freed += path.stat().st_size
                path.unlink()
        return freed

    def _files_in(self, folder: str) -> list[UPath]:
        return [path for path in (self.folder / folder).glob("*") if path.is_file()]

    def _path(self, number: int) -> UPath:
        return self.folder / "versions" / f"{number:06}.json"

    def _put(self, folder: str, name: str, frame: pl.DataFrame) -> None:
        path = self.folder / folder / name
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _parquet(frame))


def dataset_names(root: UPath | Path) -> list[str]:
    """The sorted names of the datasets under ``root`` that have a version."""
    folder = UPath(root) / "datasets"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if Versions(root, name).numbers())


def _files(version: Version) -> list[tuple[str, str]]:
    return [("rows", part.file) for part in version.parts] + [("dropped", version.dropped)]


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _gathered(slices: Iterable[pl.DataFrame], folder: Path) -> tuple[UPath, str]:
    """Write rows, some at a time, to one file in ``folder``: its path, and the digest of all."""
    digest = hashlib.blake2b(digest_size=16)
    pieces = []
    for number, frame in enumerate(slices):
        _add_rows(digest, frame)
        pieces.append(folder / f"{number:05}.parquet")
        frame.write_parquet(pieces[-1], compression="lz4")
    rows = folder / "rows.parquet"
    joined = pl.scan_parquet(pieces)
    joined.sink_parquet(rows, compression="zstd", row_group_size=GROUP)
    return UPath(rows), digest.hexdigest()


def _digest(frame: pl.DataFrame) -> str:
    """A digest of the values of the rows. It does not depend on the version of Polars."""
    digest = hashlib.blake2b(digest_size=16)
    _add_rows(digest, frame)
    return digest.hexdigest()


def _add_rows(digest: "hashlib.blake2b", frame: pl.DataFrame) -> None:
    for chunk in frame.iter_slices(10_000):
        digest.update(chunk.write_ndjson().encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
