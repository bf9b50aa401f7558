"""The texts of rows, for filters that judge them, and the rows that such a filter refuses."""

from typing import Literal

import polars as pl

from filters.filter import refused
from schemas import Split, Table, contents, id_column

Side = Literal["chosen", "rejected", "either"]
"""Which texts of a pair are judged; a row of another table has one text only."""


def asked(messages: pl.Expr) -> pl.Expr:
    """The contents of a list of messages as one text, without those of the system."""
    spoken = pl.element().filter(pl.element().struct.field("role") != "system")
    return contents(messages.list.eval(spoken))


def texts(frame: pl.DataFrame, table: type[Table], *, side: Side = "either") -> pl.DataFrame:
    """The texts of the rows of ``frame``: columns ``row`` (its number), ``side`` and ``text``.

    One text a row, as `texts` of its ``table`` says. Of pairs those of ``side``: all chosen ones,
    then all rejected ones.
    """
    columns = table.texts()
    if side in columns:
        columns = {side: columns[side]}
    rows = frame.select(**columns).with_row_index("row")
    return pl.concat([rows.select("row", side=pl.lit(name), text=name) for name in columns])


def without(frame: pl.DataFrame, table: type[Table], found: pl.DataFrame) -> Split:
    """``frame`` without the rows that ``found`` gives a ``reason`` against.

    ``found`` has a ``row``, a ``reason`` and numbers, under their names. Rows whose reason is null
    are kept; where a row has several reasons, the first is given.
    """
    unit = id_column(table)
    against = found.filter(pl.col("reason").is_not_null())
    against = against.unique("row", keep="first", maintain_order=True)
    numbers = [name for name in found.columns if name not in ("row", "reason")]
    rows = frame.select(pl.col(unit).alias("__id")).with_row_index("row")
    return Split(
        frame.filter(~rows["row"].is_in(against["row"].implode())),
        refused(
            rows.join(against, on="row", maintain_order="left"),
            "__id",
            pl.col("reason"),
            **{name: pl.col(name) for name in numbers},
        ),
    )
