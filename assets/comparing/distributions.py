"""The numbers of two tables, in histograms with shared bins."""

from collections.abc import Iterator

import polars as pl

from assets.charts.histogram import Plot, histogram
from assets.charts.numbers import numbers
from assets.comparing.comparison import Distribution, Summary
from schemas import Table

FIRST, SECOND = "first", "second"
"""The names and the colours of the sides in a histogram."""


def distributions(
    stage: str, table: type[Table], first: pl.DataFrame, second: pl.DataFrame
) -> Iterator[Distribution]:
    """The numbers of the rows of ``table`` on both sides; an empty frame is a side without."""
    sides = [_values(table, frame) for frame in (first, second)]
    for what in dict.fromkeys(name for side in sides for name in side):
        values = {
            (name, name): side[what]
            for name, side in zip((FIRST, SECOND), sides, strict=True)
            if what in side
        }
        plot = histogram(what, values, stacked=False)
        if plot is not None:
            yield Distribution(stage, what, (_summary(plot, FIRST), _summary(plot, SECOND)), plot)


def _values(table: type[Table], rows: pl.DataFrame) -> dict[str, pl.Series]:
    if rows.is_empty():
        return {}
    return {
        f"{title}, {name}" if name else title: series
        for title, values in numbers(table, rows)
        for (name, _), series in values.items()
    }


def _summary(plot: Plot, side: str) -> Summary | None:
    found = [one for one in plot.series if one.name == side]
    return Summary(found[0].count, found[0].mean, found[0].median) if found else None
