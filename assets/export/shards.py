"""Writes frames as Parquet shards. A file changes only if its rows change."""

from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from assets.config.causes import with_file_name
from assets.export.messages import has_more_than_texts, with_json_messages

LIMIT = 500_000_000
"""The most bytes of rows in memory for one file. On the disk the file is several times smaller."""


def write_batches(
    frames: Iterable[pl.DataFrame], folder: Path, *, refresh: str, split: str = "train"
) -> tuple[list[Path], int]:
    """Write ``frames`` to ``folder`` as ``<split>-<refresh>-00000-of-00002.parquet`` and so on.

    Each refresh has its own files. The next export writes them again byte for byte, so an upload
    sends only new files. The rows of a file are in memory together. Without rows, there is no file.

    Returns:
        The paths of the files, and the number of rows.
    """
    # The number of files is known, and in their names, when all are written.
    unnamed: list[Path] = []
    rows = 0
    for gathered in _gathered(frames):
        folder.mkdir(parents=True, exist_ok=True)
        rows += gathered.height
        for shard in _cut(gathered):
            place = folder / f"{split}-{refresh}-{len(unnamed):05}.parquet"
            with with_file_name(place):
                if has_more_than_texts(shard):
                    pq.write_table(with_json_messages(shard), place, compression="zstd")
                else:
                    shard.write_parquet(place, compression="zstd")
            unnamed.append(place)
        del gathered, shard  # or they stay in memory while the next rows are gathered
    count = f"-of-{len(unnamed):05}.parquet"
    return [place.rename(place.with_name(place.stem + count)) for place in unnamed], rows


def _gathered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """``frames``, so many in one as fill a file. Without rows there is none."""
    waiting: list[pl.DataFrame] = []
    size = 0.0
    for frame in frames:
        if frame.height:
            waiting.append(frame)
            size += frame.estimated_size()
        if size >= LIMIT:
            yield pl.concat(waiting)
            waiting, size = [], 0.0
    if waiting:
        yield pl.concat(waiting)


def _cut(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows of each file, about as many in each."""
    count = max(1, min(frame.height, ceil(frame.estimated_size() / LIMIT)))
    for number in range(count):
        start, end = (at * frame.height // count for at in (number, number + 1))
        yield frame[start:end]
