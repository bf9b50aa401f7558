"""Tables that were written before their schema had all of its columns."""

import polars as pl

from schemas.accept import columns
from schemas.tables import Responses, Table

_ADDED: dict[type[Table], tuple[str, ...]] = {Responses: ("reasoning",)}
"""The nullable columns that tables have got since the first version of their schema."""


def migrated(frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with all columns of the table that it is: those added since it was written are
    null. A frame that is no such table is returned as it is."""
    for table, added in _ADDED.items():
        whole = columns(table)
        missing = set(whole) - set(frame.columns)
        if missing and missing <= set(added) and set(frame.columns) <= set(whole):
            nulls = [pl.lit(None, whole[name]).alias(name) for name in sorted(missing)]
            return frame.with_columns(nulls).select(list(whole))
    return frame
