"""Where curated datasets lie, and their versions:

    datasets/<name>/versions/000003.json      a version: which files it is, and what came of it
    datasets/<name>/rows/train-2026-11-21-<digest>.parquet    a split's rows of one refresh
    datasets/<name>/splits.parquet            which split each prompt was ever in, by its key
    datasets/<name>/dropped/<digest>.parquet  `schemas.Dropped`: every row that is in no split

A file is named by what it holds and never changes, so versions share those that they have in
common: a refresh more is a file or two more. A version is a new one only if its rows are: numbers
that differ by no more than `TOLERANCE` do not make it one. A GPU, or a server, gives a log-prob
with other last digits when it is asked in other company; on a processor it is the same to the bit.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal
from upath import UPath

from assets.config.errors import FactoryError
from assets.storage.tables import MissingTableError, read_table, write_whole
from schemas import content_id

TRAIN, HELD_OUT = "train", "held_out"
SPLITS = (TRAIN, HELD_OUT)
TOLERANCE = 1e-4
"""By how much, or by what share of it, a number may differ from the newest version's. Rounding each
for itself would not do: two that are next to each other may round apart."""


@dataclass(frozen=True)
class VersionPart:
    """The rows of one split that one refresh gave."""

    split: str
    refresh: str
    rows: int
    file: str


@dataclass(frozen=True)
class Version:
    """One state of a dataset. ``digest`` is of its rows and of nothing else; ``made`` when a
    dataset first had them (UTC); ``about`` what it was made from, as JSON values."""

    number: int
    digest: str
    made: str
    table: str
    parts: tuple[VersionPart, ...]
    dropped: str
    about: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, split: str | None = None) -> int:
        """How many rows there are, in ``split`` or in both."""
        return sum(part.rows for part in self.parts if split in (None, part.split))


class Versions:
    """The versions of the dataset ``name`` under the factory's root."""

    def __init__(self, root: UPath | Path, name: str) -> None:
        self.name = name
        self._folder = UPath(root) / "datasets" / name

    def numbers(self) -> list[int]:
        """Those that can be read, oldest first."""
        folder = self._folder / "versions"
        if not folder.is_dir():
            return []
        found = (path.name.removesuffix(".json") for path in folder.iterdir())
        return sorted(int(name) for name in found if name.isdigit())

    def version(self, number: int | None = None) -> Version:
        """The version ``number``, by default the newest. Raises `MissingTableError`."""
        there = self.numbers()
        if not there:
            raise MissingTableError(
                f"datasets/{self.name} has no rows yet; it is made with the recipes it is from: "
                "factory run RECIPE"
            )
        wanted = there[-1] if number is None else number
        if wanted not in there:
            told = ", ".join(map(str, there))
            raise MissingTableError(
                f"datasets/{self.name} has no version {wanted}: those that are kept are {told}"
            )
        place = self._place(wanted)
        try:
            found = json.loads(place.read_bytes())
            return Version(
                **{**found, "parts": tuple(VersionPart(**part) for part in found["parts"])}
            )
        except (ValueError, TypeError, KeyError) as error:
            raise FactoryError(
                f"{place} is damaged ({error}): put a copy of it back, or remove it; the rows of "
                "its version are made again by the next factory run of a recipe of it"
            ) from error

    def read(self, version: Version, split: str | None = None) -> pl.DataFrame:
        """The rows of ``version`` with their column ``split``, train first and oldest first; of one
        split, if it is named. Raises `MissingTableError`."""
        frames = [
            read_table(self._folder / "rows" / part.file).with_columns(split=pl.lit(part.split))
            for part in version.parts
            if split in (None, part.split)
        ]
        return pl.concat(frames) if frames else pl.DataFrame(schema={"split": pl.String})

    def dropped(self, version: Version) -> pl.DataFrame:
        """`schemas.Dropped` of the last time that ``version`` was made."""
        return read_table(self._folder / "dropped" / version.dropped)

    def remembered(self) -> Mapping[str, str]:
        """The split of every prompt that was ever in one, by its key (`assets.datasets.splits`)."""
        path = self._folder / "splits.parquet"
        return dict(read_table(path).iter_rows()) if path.exists() else {}

    def remember(self, splits: Mapping[str, str]) -> None:
        """Remember ``splits`` instead, which hold those that were remembered."""
        known = pl.DataFrame(
            {"key": list(splits.keys()), "split": list(splits.values())},
            schema={"key": pl.String, "split": pl.String},
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / "splits.parquet", _parquet(known))

    def write(
        self, rows: pl.DataFrame, dropped: pl.DataFrame, *, table: str, about: Mapping[str, Any]
    ) -> tuple[Version, bool]:
        """Make the newest version hold ``rows`` (columns ``split`` and ``refresh`` among others),
        and say whether it is a new one. What was dropped, and ``about``, is always this time's."""
        there = self.numbers()
        last = self.version() if there else None
        before = {(part.split, part.refresh): part for part in last.parts} if last else {}
        parts = []
        for split in SPLITS:
            of_split = rows.filter(pl.col("split") == split).drop("split")
            for (refresh,), part in sorted(of_split.partition_by("refresh", as_dict=True).items()):
                name = f"{split}-{refresh}-{_digest(part)}.parquet"
                known = before.get((split, str(refresh)))
                if known is not None and known.file != name and self._alike(known, part):
                    name = known.file
                self._put("rows", name, part)
                parts.append(VersionPart(split, str(refresh), part.height, name))
        refused = f"{_digest(dropped)}.parquet"
        self._put("dropped", refused, dropped)
        digest = content_id(table, [part.file for part in parts])
        new = last is None or last.digest != digest
        version = Version(
            number=(there[-1] if there else 0) + int(new),
            digest=digest,
            made=_now() if last is None or new else last.made,
            table=table,
            parts=tuple(parts),
            dropped=refused,
            about=about,
        )
        content = json.dumps(asdict(version), indent=1, sort_keys=True)
        place = self._place(version.number)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, content.encode())
        if last is not None and last.dropped != refused:
            self._forget([("dropped", last.dropped)])
        return version, new

    def prune(self, keep: int) -> tuple[Sequence[int], int]:
        """Remove all but the newest ``keep`` versions, and the files that only they have: their
        numbers, and how many bytes were freed. Raises `FactoryError` if that would leave none."""
        if keep < 1:
            raise FactoryError("a dataset keeps one version at least: --keep 1")
        numbers = self.numbers()
        gone = [self.version(number) for number in numbers[:-keep]]
        for version in gone:
            # A version that is half removed cannot be read: its own file goes first.
            self._place(version.number).unlink()
        freed = self._forget(file for version in gone for file in _files(version))
        return [version.number for version in gone], freed

    def _alike(self, known: VersionPart, rows: pl.DataFrame) -> bool:
        """Whether ``rows`` are those of ``known``, but for the last digits of their numbers."""
        try:
            before = read_table(self._folder / "rows" / known.file)
            assert_frame_equal(rows, before, abs_tol=TOLERANCE, rel_tol=TOLERANCE)
        except (AssertionError, MissingTableError):
            return False
        return True

    def _forget(self, files: Iterable[tuple[str, str]]) -> int:
        """Remove those of ``files`` that no version needs any more; their bytes."""
        versions = [self.version(number) for number in self.numbers()]
        needed = {file for version in versions for file in _files(version)}
        freed = 0
        for folder, name in set(files) - needed:
            path = self._folder / folder / name
            if path.exists():
                freed += path.stat().st_size
                path.unlink()
        return freed

    def _place(self, number: int) -> UPath:
        return self._folder / "versions" / f"{number:06}.json"

    def _put(self, folder: str, name: str, frame: pl.DataFrame) -> None:
        path = self._folder / folder / name
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _parquet(frame))


def dataset_names(root: UPath | Path) -> list[str]:
    """The datasets that have a version under ``root``, by name."""
    folder = UPath(root) / "datasets"
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in there if Versions(root, name).numbers())


def _files(version: Version) -> list[tuple[str, str]]:
    return [("rows", part.file) for part in version.parts] + [("dropped", version.dropped)]


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _digest(frame: pl.DataFrame) -> str:
    """Of what the rows say: the same in every version of Polars and Parquet."""
    said = hashlib.blake2b(digest_size=16)
    for chunk in frame.iter_slices(10_000):
        said.update(chunk.write_ndjson().encode())
    return said.hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
