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
        yield from map(_decoder(batch.schema), batch.to_pylist())
    # Text that is not UTF-8 and times beyond the calendar have no value in Python.
    except (ValueError, OverflowError):
        for place in range(batch.num_rows):
            try:
                yield from map(_decoder(batch.schema), batch.slice(place, 1).to_pylist())
            except (ValueError, OverflowError) as error:
                yield f"a value cannot be read: {error}"


def _decoder(schema: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function that reads the JSON of a row (``datasets`` and exports write messages as JSON),
    and its numbers of 32 bits and fewer by `single`."""
    readers = {field.name: _reader(field.type) for field in schema}
    columns = [(name, read) for name, read in readers.items() if read is not None]
    return lambda row: row | {name: read(row[name]) for name, read in columns}


def single(number: float) -> float:
    """A number of at most 32 bits with the fewest digits that tell it apart: 0.1, not
    0.10000000149011612."""
    import numpy as np

    return float(str(np.float32(number)))


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """A function that reads a value of this type; None if it is one as it is."""
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inside = _reader(kind.value_type)
        return inside and _known(lambda given: list(map(inside, given)))
    if pa.types.is_struct(kind):
        inner = {field.name: _reader(field.type) for field in kind}
        fields = {name: read for name, read in inner.items() if read is not None}
        return (
            _known(lambda given: given | {n: fields[n](given[n]) for n in fields})
            if fields
            else None
        )
    if isinstance(kind, pa.JsonType):
        return _known(json.loads)
    return _known(single) if pa.types.is_float16(kind) or pa.types.is_float32(kind) else None


def _known(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda given: None if given is None else read(given)
