"""Decisions as Parquet: one row a decision, and one without a decision for a pair that has none."""

import io
from collections.abc import Iterable, Iterator

import polars as pl

from assets.review.files.entries import IDS, TEXTS, Entry, Judged, WrongFileError

COLUMNS: dict[str, pl.DataType] = {
    **dict.fromkeys(("pair_id", "recipe", "refresh"), pl.String()),
    **dict.fromkeys(("prompt", "left_id", "left", "right_id", "right"), pl.String()),
    **dict.fromkeys(("reviewer", "decision", "comment"), pl.String()),
    "decided_at": pl.Datetime("us", "UTC"),
}
"""``decision`` is one of `assets.review.items.CHOICES`; ``reviewer``, ``decision``, ``comment`` and
``decided_at`` are null if there is none."""

_NEEDED = ("pair_id", *IDS, *TEXTS, "reviewer", "decision")
_NOTHING = Judged("", "", "", None)


def write(entries: Iterable[Entry]) -> bytes:
    """The file's content."""
    records = [
        {
            **entry.fields,
            "reviewer": judged.reviewer or None,
            "decision": judged.choice or None,
            "comment": judged.comment or None,
            "decided_at": judged.at,
        }
        for entry in entries
        for judged in entry.judged or (_NOTHING,)
    ]
    times = pl.col("decided_at").str.to_datetime(time_unit="us", time_zone="UTC")
    buffer = io.BytesIO()
    texts = pl.DataFrame(records, schema=dict.fromkeys(COLUMNS, pl.String()))
    texts.with_columns(times).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def read(content: bytes) -> Iterator[Entry]:
    """The file's rows, one entry each. Columns that `COLUMNS` does not name are not read.

    Raises:
        WrongFileError: It is not Parquet, lacks a column, or a row has half a decision.
    """
    try:
        table = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PolarsError as error:
        raise WrongFileError("", "", f"it cannot be read as Parquet ({error})") from None
    for name in _NEEDED:
        if name not in table.columns:
            raise WrongFileError("", name, "there is no such column")
    for name in set(COLUMNS) & set(table.columns):
        if table[name].dtype not in (COLUMNS[name], pl.Null):
            raise WrongFileError("", name, f"it holds {table[name].dtype}, not {COLUMNS[name]}")
    for number, row in enumerate(table.iter_rows(named=True), 1):
        where = f"row {number}"
        reviewer, decision = row["reviewer"], row["decision"]
        comment, at = row.get("comment"), row.get("decided_at")
        if decision is None and (reviewer or comment):
            raise WrongFileError(where, "decision", "there is none, but a reviewer or a comment")
        if decision is not None and not reviewer:
            raise WrongFileError(where, "reviewer", "there is a decision, but no name")
        judged = Judged(reviewer or "", decision or "", comment or "", at and at.isoformat(), where)
        yield Entry(row, (judged,) if decision is not None else (), where)
