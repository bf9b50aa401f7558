"""Frames as Parquet shards, so named that a file never changes unless its rows do."""

from itertools import pairwise
from math import ceil
from pathlib import Path

import polars as pl

from assets.config.causes import with_file_name

LIMIT = 500_000_000
"""Bytes of rows in memory that one file holds at most; on the disk they are several times fewer."""


def write_shards(
    frame: pl.DataFrame, folder: Path, *, refresh: str, split: str = "train"
) -> list[Path]:
    """Write ``frame`` to ``folder`` as ``<split>-<refresh>-00000-of-00002.parquet`` and so on.

    Each refresh has files of its own: the next export leaves them as they are, byte for byte, and
    an upload sends the new ones only. No rows, no file.
    """
    if frame.is_empty():
        return []
    folder.mkdir(parents=True, exist_ok=True)
    count = max(1, min(frame.height, ceil(frame.estimated_size() / LIMIT)))
    bounds = [number * frame.height // count for number in range(count + 1)]
    written = []
    for number, (start, end) in enumerate(pairwise(bounds)):
        place = folder / f"{split}-{refresh}-{number:05}-of-{count:05}.parquet"
        with with_file_name(place):
            frame[start:end].write_parquet(place, compression="zstd")
        written.append(place)
    return written
