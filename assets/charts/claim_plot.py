"""The picture of a claim's curves, such as gold and proxy rewards over the pressure."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from assets.charts.axis import Axis, axis, grid
from assets.charts.svg import WIDTH, Picture, curve, figure, text
from assets.charts.words import shortened
from assets.project.measure import Curve, Plot

EDGE, TITLE, HEIGHT, AXIS, ROW, GAP = 14, 26, 130, 46, 20, 40
"""Pixels: the margin, the line of the title, the height of a panel, the width of the labels of its
axis, the height of a line of the legend, and the room above a panel for its name."""


def claim_picture(plot: Plot, title: str) -> Picture:
    """A panel for each thing that curves show, one below the other, with one x axis."""
    points = [point for each in plot.curves for point in each.points]
    across = axis(min(x for x, _ in points), max(x for x, _ in points), steps=5)
    names = list(dict.fromkeys(each.name for each in plot.curves))
    panels = list(dict.fromkeys(each.panel for each in plot.curves))
    shapes = [text(EDGE, TITLE, shortened(title, 80), "title"), *_legend(names)]
    floor = float(TITLE + ROW * len(names))
    for panel in panels:
        floor += GAP + HEIGHT
        shapes.append(text(EDGE, floor - HEIGHT - 12, shortened(panel, 90), "name"))
        drawn = [each for each in plot.curves if each.panel == panel]
        shapes += _drawn(drawn, names, across, floor)
    for tick, label in zip(across.ticks, across.labels, strict=True):
        shapes.append(text(_x(across, tick), floor + 18, label, "quiet", anchor="middle"))
    shapes.append(text(WIDTH - EDGE, floor + 36, plot.along, "quiet", anchor="end"))
    summary = "; ".join(
        f"{each.panel} by {each.name} {figure(each.points[0][1])} to {figure(each.points[-1][1])}"
        for each in plot.curves
    )
    return Picture(floor + 48, f"{title}, over {plot.along}: {summary}", shapes)


def _x(across: Axis, value: float) -> float:
    left, right = EDGE + AXIS, WIDTH - EDGE - 8
    return left + (right - left) * across.place(value)


def _drawn(
    curves: Sequence[Curve], names: Sequence[str], across: Axis, floor: float
) -> Iterator[Markup]:
    values = [y for each in curves for _, y in each.points]
    up = axis(min(values), max(values))
    yield from grid(up, EDGE + AXIS, WIDTH - EDGE - 8, floor, HEIGHT)
    for each in curves:
        places = [(_x(across, x), floor - HEIGHT * up.place(y)) for x, y in each.points]
        yield curve(places, _kind(names.index(each.name)))


def _legend(names: Sequence[str]) -> Iterator[Markup]:
    for number, name in enumerate(names):
        y = TITLE + ROW * (number + 1)
        yield curve([(EDGE, y - 4), (EDGE + 24, y - 4)], _kind(number))
        yield text(EDGE + 30, y, shortened(name, 90), "quiet")


def _kind(number: int) -> str:
    return f"run-{number % 6} dash-{number % 6}"
