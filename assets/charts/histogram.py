"""A histogram, in the coordinates of its drawing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

BINS = 28
WIDTH, HEIGHT = 320.0, 120.0
"""The size of a drawing without its axis: the width of all bars, the height of the highest."""

WIDEST = 40.0
"""The greatest width of a bar. It matters if all values are equal."""


@dataclass(frozen=True)
class Bar:
    """A rectangle of a histogram, with its label."""

    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True)
class Series:
    """The values of one kind. ``tone`` is their colour. Empty bins have no bar."""

    name: str
    tone: str
    count: int
    mean: float
    median: float
    bars: list[Bar]


@dataclass(frozen=True)
class Plot:
    """A histogram. ``ticks`` are (x, label), and ``says`` describes the histogram in words."""

    title: str
    series: list[Series]
    ticks: list[tuple[float, str]]
    highest: int
    says: str


def histogram(
    title: str, values: Mapping[tuple[str, str], pl.Series], *, stacked: bool = True
) -> Plot | None:
    """A histogram of ``values`` by (name, tone), stacked in shared bins; None if there are none.

    If it is not ``stacked``, each series starts at the floor, and the height of a bar is the share
    of its own series, so that series of other sizes can be compared.

    Integers in a small range have one bin each. If a few values are far from all others, they are
    put into the first or the last bin.
    """
    arrays = {
        key: numbers.drop_nulls().cast(pl.Float64).to_numpy() for key, numbers in values.items()
    }
    arrays = {key: numbers for key, numbers in arrays.items() if numbers.size}
    if not arrays:
        return None
    everything = np.concatenate(list(arrays.values()))
    edges, below, above = _edges(everything)
    # The bin of an integer begins 0.5 below it.
    inner = 0.5 if float(edges[0]) % 1 == 0.5 and float(edges[-1]) % 1 == 0.5 else 0.0
    counts = {
        key: np.histogram(np.clip(numbers, edges[0], edges[-1]), edges)[0]
        for key, numbers in arrays.items()
    }
    heights = {
        key: counts[key] / (1 if stacked else numbers.size) for key, numbers in arrays.items()
    }
    together = np.sum if stacked else np.max
    highest = float(together(list(heights.values()), axis=0).max())
    series, floor = [], np.zeros(len(edges) - 1)
    step = WIDTH / (len(edges) - 1)
    for (name, tone), numbers in arrays.items():
        bars = []
        for number, count in enumerate(counts[name, tone]):
            if count:
                height = HEIGHT * heights[name, tone][number] / highest
                top = HEIGHT - HEIGHT * floor[number] / highest - height
                low, high = edges[number], edges[number + 1]
                where = _short(low + inner), _short(high - inner)
                label = f"{' to '.join(dict.fromkeys(where))}: {count:,} {name}".rstrip()
                wide = min(max(1.0, step - 1), WIDEST)
                bars.append(Bar((number + 0.5) * step - wide / 2, top, wide, height, label))
        if stacked:
            floor = floor + counts[name, tone]
        mean, median = float(numbers.mean()), float(np.median(numbers))
        series.append(Series(name, tone, numbers.size, mean, median, bars))
    medians = "; ".join(
        f"{one.name or 'all'}: {one.count:,}, median {_short(one.median)}" for one in series
    )
    spread = f"from {_short(everything.min())} to {_short(everything.max())}"
    ticks = [
        (0.0, below + _short(_near(edges[0] + inner, edges))),
        (WIDTH, above + _short(_near(edges[-1] - inner, edges))),
    ]
    most = int(together(list(counts.values()), axis=0).max())
    return Plot(title, series, ticks, most, f"{title}, {spread}. {medians}")


def _edges(values: Floats) -> tuple[Floats, str, str]:
    """The edges of the bins, and signs for values beyond the first and the last edge."""
    low, high = float(values.min()), float(values.max())
    near_low, near_high = (float(each) for each in np.quantile(values, [0.005, 0.995]))
    below = above = ""
    if high - low > 3 * (near_high - near_low) > 0:
        below, above = "≤ " * (near_low > low), "≥ " * (near_high < high)
        low, high = near_low, near_high
    integers = bool(np.all(values == np.round(values)))
    if integers:
        low, high = float(np.floor(low)), float(np.ceil(high))
    if integers and high - low < BINS:
        return np.arange(low, high + 2) - 0.5, below, above
    if integers:
        # With another width than an integer, bins of one and of two values would alternate.
        width = np.ceil((high - low + 1) / BINS)
        count = int(np.ceil((high - low + 1) / width))
        return low - 0.5 + width * np.arange(count + 1), below, above
    return np.linspace(low, high if high > low else low + 1, BINS + 1), below, above


def _near(value: float, edges: Floats) -> float:
    """``value`` rounded to a hundredth of the drawing's range: in [0, 1], 0.00002 becomes 0."""
    # 10 ** 309 is not a finite float.
    places = min(2 - int(np.floor(np.log10(edges[-1] - edges[0]))), 300)
    return float(round(value, places)) + 0.0


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"
