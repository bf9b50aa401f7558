"""The rows of Parquet files. An unreadable value does not affect other rows."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from upath import UPath

from generators.sources.columns import SourceError


def parquet_rows(
    file: UPath, stream: IO[bytes], needed: list[str] | None
) -> Iterator[tuple[str, Mapping[str, Any] | str]]:
    """Read the rows of a Parquet file.

    Returns:
        For each row its place, and its columns (only ``needed``, if given) or an error message.

    Raises:
        SourceError: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        opened = pq.ParquetFile(stream)
        for batch in opened.iter_batches(1000, columns=needed):
            for row in _each(batch):
                yield f"{file.name}, row {number}", row
                number += 1
    except (pa.ArrowException, OSError) as error:
        reason = f"is not Parquet, or is damaged: {error}"
        raise SourceError(f"{file} {reason} (after {number} rows)") from error


def parquet_columns(file: UPath) -> list[str]:
    """The names of the columns.

    Raises:
        SourceError: the file is damaged or has no row.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.open("rb") as stream:
            opened = pq.ParquetFile(stream)
            if opened.metadata.num_rows == 0:
                raise SourceError(f"{file} is empty: it holds no prompt")
            return list(opened.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{file} is not Parquet, or is damaged: {error}") from error


def _each(batch: Any) -> Iterator[Mapping[str, Any] | str]:
    try:
        yield from map(_decoder(batch.schema), batch.to_pylist())
    # Text that is not UTF-8 and times beyond the calendar have no value in Python.
    except (ValueError, OverflowError):
        for place in range(batch.num_rows):
            try:
                yield from map(_decoder(batch.schema), batch.slice(place, 1).to_pylist())
            except (ValueError, OverflowError) as error:
                yield f"a value cannot be read: {error}"


def _decoder(schema: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function that reads the JSON of a row: ``datasets`` and exports write messages as JSON."""
    import pyarrow as pa

    def holds_json(kind: Any) -> bool:
        listed = pa.types.is_list(kind) and holds_json(kind.value_type)
        return listed or isinstance(kind, pa.JsonType)

    def value(given: Any) -> Any:
        if isinstance(given, list):
            return list(map(value, given))
        return None if given is None else json.loads(given)

    columns = [field.name for field in schema if holds_json(field.type)]
    return lambda row: row | {name: value(row[name]) for name in columns}
