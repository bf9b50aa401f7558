"""The names of the parts of a large table, and where it is cut.

    tables/<recipe>/<stage>/<refresh>.parts/00000-<digest>.parquet    the first rows
    tables/<recipe>/<stage>/<refresh>.parts/manifest.json             the parts, in order

The manifest is written last, so it makes the table exist. A part never changes, as its name holds a
digest of its content.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl
from upath import UPath

ROWS = 500_000
"""The most rows of a table that is stored as one file, and about the rows of a part."""
SUFFIX = ".parts"


class Manifest(NamedTuple):
    """The content of a manifest: the names of the parts, and the JSON values of the table."""

    parts: Sequence[str]
    about: Mapping[str, Any]


def parts_folder(path: UPath) -> UPath:
    """The folder of the parts of the table at ``path``."""
    return path.with_name(path.name.removesuffix(".parquet") + SUFFIX)


def manifest_path(path: UPath) -> UPath:
    """The manifest of the table at ``path``, if it is stored in parts."""
    return parts_folder(path) / "manifest.json"


def cut(frame: pl.DataFrame, rows: int) -> Iterator[pl.DataFrame]:
    """Cut a table into parts of ``rows`` rows, or of some more: rows about the same prompt (of
    scores: about the same response) that follow each other stay together."""
    unit = next((each for each in ("prompt_id", "response_id") if each in frame.columns), None)
    starts = pl.Series(range(0, frame.height, rows), dtype=pl.UInt32)
    if unit is not None:
        # Null before the first row is another value, so the first row is a border.
        borders = frame[unit].ne_missing(frame[unit].shift()).arg_true()
        places = borders.search_sorted(starts)
        starts = borders.gather(places.filter(places < borders.len())).unique().sort()
    for start, end in pairwise([*starts, frame.height]):
        yield frame[start:end]
