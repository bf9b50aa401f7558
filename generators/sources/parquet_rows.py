"""The rows of Parquet files. An unreadable value does not affect other rows."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from upath import UPath

from generators.sources.columns import SourceError
from generators.sources.file_kinds import refuse_pointer


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
        refuse_pointer(file, stream)
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
            refuse_pointer(file, stream)
            opened = pq.ParquetFile(stream)
            if opened.metadata.num_rows == 0:
                raise SourceError(f"{file} is empty: it holds no prompt")
            return list(opened.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{file} is not Parquet, or is damaged: {error}") from error


def _each(batch: Any) -> Iterator[Mapping[str, Any] | str]:
    try:
        yield from map(row_reader(batch.schema), batch.to_pylist())
    # Text that is not UTF-8 and times beyond the calendar have no value in Python.
    except (ValueError, OverflowError):
        for place in range(batch.num_rows):
            try:
                yield from map(row_reader(batch.schema), batch.slice(place, 1).to_pylist())
            except (ValueError, OverflowError) as error:
                yield f"a value cannot be read: {error}"


def row_reader(
    schema: Any, *, json_read: bool = False
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function that reads the JSON of a row (``datasets`` and exports write messages as JSON),
    unless it is read already, and its numbers of 32 bits and fewer with the fewest digits that tell
    them apart: 0.1, not 0.10000000149011612."""
    readers = {field.name: _reader(field.type, json_read) for field in schema}
    columns = [(name, read) for name, read in readers.items() if read is not None]
    return lambda row: row | {name: read(row[name]) for name, read in columns}


def _reader(kind: Any, json_read: bool) -> Callable[[Any], Any] | None:
    """A function that reads a value of this type; None if it is one as it is."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inside = _reader(kind.value_type, json_read)
        return inside and _known(lambda given: list(map(inside, given)))
    if pa.types.is_struct(kind):
        inner = {field.name: _reader(field.type, json_read) for field in kind}
        fields = {name: read for name, read in inner.items() if read is not None}
        return (
            _known(lambda given: given | {n: fields[n](given[n]) for n in fields})
            if fields
            else None
        )
    if isinstance(kind, pa.JsonType):
        return None if json_read else _known(json.loads)
    if pa.types.is_float16(kind):
        return _known(lambda given: float(str(np.float16(given))))
    return (
        _known(lambda given: float(str(np.float32(given)))) if pa.types.is_float32(kind) else None
    )


def _known(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda given: None if given is None else read(given)
