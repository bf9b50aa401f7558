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
    for measure in dict.fromkeys(name for side in sides for name in side):
        values = {
            (name, name): side[measure]
            for name, side in zip((FIRST, SECOND), sides, strict=True)
            if measure in side
        }
        plot = histogram(measure, values, stacked=False)
        if plot is not None:
            yield Distribution(
                stage, measure, (_summary(plot, FIRST), _summary(plot, SECOND)), plot
            )


def _values(table: type[Table], rows: pl.DataFrame) -> dict[str, pl.Series]:
    if rows.is_empty():
        return {}
    return {
        f"{title}, {name}" if name else title: series
        for title, values in numbers(table, rows)
        for (name, _), series in values.items()
    }


def _summary(plot: Plot, side: str) -> Summary | None:
    matches = [one for one in plot.series if one.name == side]
    return Summary(matches[0].count, matches[0].mean, matches[0].median) if matches else None
