"""Round numbers along an axis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

from assets.charts.svg import line, text


@dataclass(frozen=True)
class Axis:
    """The values that are named along an axis, in order, and their labels.

    It reaches from the first to the last of them.
    """

    ticks: Sequence[float]
    labels: Sequence[str]

    def place(self, value: float) -> float:
        """Where a value is, from 0 at the first tick to 1 at the last."""
        return (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])


def axis(low: float, high: float, *, steps: int = 4) -> Axis:
    """An axis that holds all values from ``low`` to ``high``.

    Args:
        low: The smallest value.
        high: The largest value.
        steps: About how many steps it has; a step is 1, 2 or 5 times a power of 10.
    """
    if high <= low:
        room = abs(low) / 10 or 0.1
        low, high = low - room, high + room
    rough = (high - low) / steps
    power = 10.0 ** floor(log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    digits = max(0, -floor(log10(step) + 1e-9))
    ticks = [number * step for number in range(first, last + 1)]
    # No "−0".
    return Axis(ticks, [f"{each + 0.0:,.{digits}f}".replace("-", "−") for each in ticks])


def grid(up: Axis, left: float, right: float, bottom: float, height: float) -> Iterator[Markup]:
    """A line across a drawing for each value of its axis, labelled at the left.

    Args:
        up: The axis.
        left: The left edge of the drawing, in pixels.
        right: The right edge.
        bottom: The bottom.
        height: How high the drawing is.
    """
    for tick, label in zip(up.ticks, up.labels, strict=True):
        y = bottom - height * up.place(tick)
        yield line(left, y, right, y, "grid")
        yield text(left - 8, y + 4, label, "quiet", anchor="end")
