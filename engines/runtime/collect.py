"""Rows as they finish, in any order, into one frame in the order of the input.

Columns are built a few thousand rows at a time and nested ones as columns too: of 800,000 rows no
Python object lives on.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from schemas import Dropped, Table, canonical, columns

_CHUNK = 8192
_NUMBER = "__number"


class Rows:
    """Collects rows of ``table`` as tuples, its ``origin`` laid out flat at their end."""

    def __init__(self, table: type[Table]) -> None:
        self._table = columns(table)
        flat: dict[str, Any] = {_NUMBER: pl.UInt64}
        for name, dtype in self._table.items():
            if name != "origin":
                flat[name] = dtype
        origin = self._table.get("origin")
        self._origin: list[str] = []
        if isinstance(origin, pl.Struct):
            self._origin = [field.name for field in origin.fields]
            flat |= {f"origin.{field.name}": field.dtype for field in origin.fields}
        self._flat = flat
        self._rows: list[tuple[Any, ...]] = []
        self._chunks: list[pl.DataFrame] = []

    def add(self, row: tuple[Any, ...]) -> None:
        """One row: its number, then its columns in order. Rows of one number stay in order."""
        self._rows.append(row)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def frame(self) -> pl.DataFrame:
        """All rows, by number, with the table's columns and types."""
        self._flush()
        flat = pl.concat([pl.DataFrame(schema=self._flat), *self._chunks])
        self._chunks = []
        if not flat[_NUMBER].is_sorted():
            flat = flat.sort(_NUMBER, maintain_order=True)
        origin = [pl.col(f"origin.{name}").alias(name) for name in self._origin]
        return flat.select(
            pl.struct(origin).alias("origin") if name == "origin" else pl.col(name)
            for name in self._table
        )

    def _flush(self) -> None:
        if self._rows:
            values = zip(*self._rows, strict=True)
            self._chunks.append(
                pl.DataFrame(
                    [
                        _series(name, column, dtype)
                        for (name, dtype), column in zip(self._flat.items(), values, strict=True)
                    ]
                )
            )
            self._rows = []


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == pl.List(pl.String):
        # Polars makes a Series of each row's list: 6 µs a row against Arrow's 0.1.
        return pl.Series(name, pa.array(values, pa.list_(pa.string()))).cast(dtype)
    return pl.Series(name, values, dtype=dtype)


class Refused:
    """Collects rows that could not be answered, as `Dropped` rows."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._rows: list[tuple[int, str, str, str]] = []

    def add(self, number: int, row_ids: Sequence[str], reason: str, message: str) -> None:
        """Rows that item ``number`` stood for, and why it failed."""
        numbers = canonical({"error": message.encode("utf-8", "replace").decode()})
        self._rows += [(number, row_id, reason, numbers) for row_id in row_ids]

    def frame(self) -> pl.DataFrame:
        """`Dropped` rows, in the order of the input."""
        self._rows.sort(key=lambda row: row[0])
        return pl.DataFrame(
            {
                "row_id": [row[1] for row in self._rows],
                "stage": [self._stage] * len(self._rows),
                "reason": [row[2] for row in self._rows],
                "numbers": [row[3] for row in self._rows],
            },
            schema=columns(Dropped),
        )
