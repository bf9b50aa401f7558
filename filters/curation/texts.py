"""The texts of rows for filters, and the split by the reasons that such a filter gives."""

from typing import Literal

import polars as pl

from filters.filter import refused
from schemas import Split, Table, contents, id_column

Side = Literal["chosen", "rejected", "either"]
"""Which texts of a pair are judged; a row of another table has one text only."""


def conversation_text(messages: pl.Expr) -> pl.Expr:
    """The contents of a list of messages as one text, without system messages."""
    not_system = pl.element().filter(pl.element().struct.field("role") != "system")
    return contents(messages.list.eval(not_system))


def texts(frame: pl.DataFrame, table: type[Table], *, side: Side = "either") -> pl.DataFrame:
    """The texts of the rows of ``frame``.

    Returns:
        Columns ``row`` (its number), ``side`` and ``text``. One text per row, as `texts` of its
            ``table`` gives it. For pairs the texts of ``side``: all chosen ones, then all
            rejected ones.
    """
    columns = table.texts()
    if side in columns:
        columns = {side: columns[side]}
    rows = frame.select(**columns).with_row_index("row")
    return pl.concat([rows.select("row", side=pl.lit(name), text=name) for name in columns])


def without(frame: pl.DataFrame, table: type[Table], judged: pl.DataFrame) -> Split:
    """``frame`` without the rows that have a ``reason`` in ``judged``.

    ``judged`` has columns ``row`` and ``reason``; the others are numbers for the dropped rows. Rows
    whose reason is null are kept. If a row has several reasons, the first is given.
    """
    unit = id_column(table)
    bad = judged.filter(pl.col("reason").is_not_null())
    bad = bad.unique("row", keep="first", maintain_order=True)
    numbers = [name for name in judged.columns if name not in ("row", "reason")]
    rows = frame.select(pl.col(unit).alias("__id")).with_row_index("row")
    return Split(
        frame.filter(~rows["row"].is_in(bad["row"].implode())),
        refused(
            rows.join(bad, on="row", maintain_order="left"),
            "__id",
            pl.col("reason"),
            **{name: pl.col(name) for name in numbers},
        ),
    )
