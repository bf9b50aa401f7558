"""What is kept of clusters between refreshes, so that only new prompts are compared.

    datasets/<name>/clusters/000000000.parquet    the first prompts: key, bands, joined clusters
    datasets/<name>/clusters/000400000.parquet    those that a later refresh added

A file is named by the number of its first prompt. Nothing else is stored here, so files that cannot
be used are made again: those of another version of the algorithm or of its libraries, damaged ones,
and those whose prompts are no longer the first ones.
"""

import io
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import polars as pl
from numpy.typing import NDArray
from upath import UPath

from assets.storage.tables import write_whole
from filters.curation.candidates import PERMUTATIONS, SEED
from filters.curation.ngrams import TOKENS

CLUSTERS = "clusters"
"""The folder of these files, in the folder of the dataset."""
VERSION = 1
"""Another number for another way to make clusters."""


@dataclass(frozen=True)
class StoredClusters:
    """Prompts in the order in which they were added to clusters.

    Attributes:
        keys: String[prompts]: their keys (`assets.datasets.splits.keys`).
        bands: UInt64[prompts, bands]: the bands of their MinHash.
        joined: Int64[joins, 2]: a prompt, and the head of an earlier cluster that it joined, by
            number; in the order of the prompts.
    """

    keys: pl.Series
    bands: NDArray[np.uint64]
    joined: NDArray[np.int64]

    @classmethod
    def none(cls, bands: int) -> "StoredClusters":
        """No prompts."""
        keys = pl.Series("key", [], dtype=pl.String)
        return cls(keys, np.empty((0, bands), np.uint64), np.empty((0, 2), np.int64))

    def first(self, keys: pl.Series) -> "StoredClusters":
        """The prompts with which ``keys`` begin."""
        most = min(len(self.keys), len(keys))
        differs = self.keys.head(most) != keys.head(most)
        count = int(differs.arg_max() or 0) if differs.any() else most
        joined = self.joined[self.joined[:, 0] < count]
        return StoredClusters(self.keys.head(count), self.bands[:count], joined)


def load_clusters(folder: UPath, bands: int) -> StoredClusters:
    """The stored clusters; none if there are none that can be used."""
    found = StoredClusters.none(bands)
    for path in _files(folder):
        part = _read(path, start=len(found.keys), bands=bands)
        if part is None:
            return StoredClusters.none(bands)
        found = StoredClusters(
            pl.concat([found.keys, part.keys]),
            np.concatenate([found.bands, part.bands]),
            np.concatenate([found.joined, part.joined]),
        )
    return found


def store_clusters(folder: UPath, clusters: StoredClusters, *, new: int) -> None:
    """Store clusters whose prompts before number ``new`` are stored."""
    if new == len(clusters.keys):
        return
    stored = _files(folder)
    if not new or new != sum(map(_height, stored)):
        for path in stored:
            path.unlink()
        new = 0
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{new:09}.parquet", _content(clusters, new))


def _files(folder: UPath) -> list[UPath]:
    return sorted(folder.glob("[0-9]*.parquet")) if folder.is_dir() else []


def _height(path: UPath) -> int:
    with path.open("rb") as file:
        return int(pl.scan_parquet(file).select(pl.len()).collect().item())


def _content(clusters: StoredClusters, start: int) -> bytes:
    rows = np.arange(start, len(clusters.keys))
    joins = clusters.joined[clusters.joined[:, 0] >= start]
    joined = pl.DataFrame({"row": joins[:, 0], "joined": joins[:, 1]})
    frame = pl.DataFrame(
        {"row": rows, "key": clusters.keys[start:], "bands": clusters.bands[start:]}
    ).join(
        joined.group_by("row", maintain_order=True).agg("joined"),
        on="row",
        how="left",
        maintain_order="left",
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", metadata={"version": _version()})
    return buffer.getvalue()


def _read(path: UPath, *, start: int, bands: int) -> StoredClusters | None:
    """The content of a file whose first prompt has the number ``start``; None if it is unusable."""
    try:
        content = path.read_bytes()
        if pl.read_parquet_metadata(io.BytesIO(content)).get("version") != _version():
            return None
        frame = pl.read_parquet(io.BytesIO(content))
        matrix = frame["bands"].to_numpy().reshape(-1, bands)
        joins = frame.select("row", "joined").explode("joined").drop_nulls().to_numpy()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
        return None
    numbered = np.array_equal(frame["row"].to_numpy(), start + np.arange(frame.height))
    if not numbered or frame["key"].has_nulls() or (joins[:, 0] <= joins[:, 1]).any():
        return None
    return StoredClusters(frame["key"], matrix.astype(np.uint64), joins.astype(np.int64))


def _version() -> str:
    """What decides the stored numbers."""
    libraries = [f"{name} {version(name)}" for name in ("rensa", "polars")]
    return "; ".join([str(VERSION), TOKENS, f"{PERMUTATIONS} {SEED}", *libraries])
