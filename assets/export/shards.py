"""Writes frames as Parquet shards. A file changes only if its rows change."""

from itertools import pairwise
from math import ceil
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from assets.config.causes import with_file_name
from assets.export.messages import has_more_than_texts, with_json_messages

LIMIT = 500_000_000
"""The most bytes of rows in memory for one file. On the disk the file is several times smaller."""


def write_shards(
    frame: pl.DataFrame, folder: Path, *, refresh: str, split: str = "train"
) -> list[Path]:
    """Write ``frame`` to ``folder`` as ``<split>-<refresh>-00000-of-00002.parquet`` and so on.

    Each refresh has its own files. The next export writes them again byte for byte, so an upload
    sends only new files. An empty frame makes no file.

    Returns:
        The paths of the files.
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
            if has_more_than_texts(frame):
                pq.write_table(with_json_messages(frame[start:end]), place, compression="zstd")
            else:
                frame[start:end].write_parquet(place, compression="zstd")
        written.append(place)
    return written
