"""Histograms as pictures of their own."""

from typing import TYPE_CHECKING, Any

import polars as pl
from markupsafe import Markup

from assets.charts.histogram import HEIGHT, Plot, Series
from assets.charts.histogram import WIDTH as DRAWN
from assets.charts.in_markdown import in_markdown
from assets.charts.numbers import drawn
from assets.charts.svg import WIDTH, Picture, figure, rect, text
from assets.charts.words import shortened
from schemas import Table

if TYPE_CHECKING:
    import dagster as dg

EDGE, TOP = 14, 64
WIDER = (WIDTH - 2 * EDGE) / DRAWN
"""By how much bars are wider here than in the histogram's own coordinates."""


def histograms(table: type[Table], kept: pl.DataFrame) -> "dict[str, dg.MetadataValue[Any]]":
    """Pictures of the table's numbers, by what to call them, for Dagster; none where there are no
    numbers."""
    return {f"histogram: {plot.title}": in_markdown(plotted(plot)) for plot in drawn(table, kept)}


def plotted(plot: Plot) -> Picture:
    """The bars under the title, each kind of value in its colour with its count and median."""
    shapes = [text(EDGE, 26, shortened(plot.title, 80), "title")]
    x = float(EDGE)
    for series in plot.series:
        label = f"{series.name} {series.count:,}, median {figure(series.median)}".strip()
        shapes += [rect(x, 37, 9, 9, f"{series.tone}-bar"), text(x + 14, 46, label, "quiet")]
        x += 34 + 6.6 * len(label)
    shapes.append(text(WIDTH - EDGE, 46, f"{plot.highest:,}", "quiet", anchor="end"))
    for series in plot.series:
        shapes += _bars(series)
    floor = TOP + HEIGHT
    shapes.append(rect(EDGE, floor, WIDTH - 2 * EDGE, 1, "plain-bar"))
    for (_, label), place, anchor in zip(
        plot.ticks, (EDGE, WIDTH - EDGE), ("start", "end"), strict=True
    ):
        shapes.append(text(place, floor + 17, label, "quiet", anchor=anchor))
    return Picture(floor + 28, plot.says, shapes)


def _bars(series: Series) -> list[Markup]:
    return [
        rect(
            EDGE + WIDER * bar.x,
            TOP + bar.y,
            WIDER * bar.width,
            max(bar.height, 1),
            f"{series.tone}-bar",
        )
        for bar in series.bars
    ]
