"""The rows that a page lists: all rows, or a sample if there are many.

Everything else on the page is about all rows, if it does not say otherwise. The sample has the rows
with the first ids. Ids are digests of the content, so this is a random sample that is the same each
time, whatever the order of the rows.
"""

from dataclasses import dataclass

import polars as pl

from assets.report.report_data import ReportData
from assets.storage.tables import having
from schemas import contents, id_column

ROWS = 10_000
"""The most rows of a page."""
CHARACTERS = 24_000_000
"""The most characters of texts in a page: Chromium opens so many in about a second."""


@dataclass(frozen=True)
class Listed:
    """``rows`` of ``of`` rows, by refresh and in the order of the tables."""

    rows: pl.DataFrame
    of: int

    @property
    def is_sample(self) -> bool:
        """Whether some rows are not listed."""
        return self.rows.height < self.of


def listed(data: ReportData, *, most: int = ROWS) -> Listed:
    """The rows of the reported stage that a page lists, ``most`` at most."""
    table, name = data.stage.gives, data.stage.name
    unit = id_column(table)
    before = table.preceding_messages()
    texts = [*table.texts().values(), *([] if before is None else [contents(before)])]
    characters = [text.str.len_chars().fill_null(0).cast(pl.Int64) for text in texts]
    length = pl.sum_horizontal(pl.lit(0, pl.Int64), *characters).alias("length")
    lengths = data.select(name, lambda rows: rows.select(unit, length))
    first = lengths.sort(unit).head(most)
    fits = first["length"].cum_sum() <= CHARACTERS
    ids = first.filter(fits)[unit] if fits.any() else first[unit].head(1)
    return Listed(data.select(name, having(ids.unique())), lengths.height)
