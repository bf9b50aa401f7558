"""What pictures are drawn with. All text goes through `markupsafe`, which escapes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

WIDTH = 680
"""Of every picture, in pixels: what the dialog in which Dagster shows Markdown has room for."""

LETTER = 12.0
CELL = 0.61 * LETTER
"""Of the monospaced text of steps, in pixels: its size, and the width of a character of it."""

TITLE = 8.3
"""The width of a character of the bold text above a picture, in pixels, on the safe side."""


@dataclass(frozen=True)
class Picture:
    """A drawing ``WIDTH`` wide, and what it shows in words. Its colours are the classes that
    ``picture.css`` explains; no element has a style of its own, so a page's policy allows it."""

    height: float
    says: str
    shapes: Sequence[Markup]

    def inside(self) -> Markup:
        """The SVG as a part of a page that has the colours."""
        return self._drawn(Markup(""))

    def alone(self) -> str:
        """The SVG as a file of its own."""
        # The project's own file, which holds nothing of the data.
        paper = Markup('<rect class="paper" width="100%" height="100%" rx="8"/>')
        return str(self._drawn(Markup("<style>") + Markup(_style()) + Markup("</style>") + paper))

    def _drawn(self, before: Markup) -> Markup:
        return Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" '
            'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'aria-label="{says}">{before}{shapes}</svg>'
        ).format(
            width=WIDTH,
            height=_short(self.height),
            says=self.says,
            before=before,
            shapes=Markup("").join(self.shapes),
        )


def rect(x: float, y: float, width: float, height: float, kind: str, *, round: float = 0) -> Markup:
    """A rectangle of class ``kind``."""
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="{}"/>').format(
        kind, *map(_short, (x, y, width, height, round))
    )


def elbow(x: float, y: float, to_x: float, to_y: float, width: float) -> Markup:
    """A line down from (x, y) and then across to (to_x, to_y), ``width`` wide."""
    return Markup('<path class="edge" d="M{} {}V{}Q{} {} {} {}H{}" stroke-width="{}"/>').format(
        *map(_short, (x, y, to_y - 6, x, to_y, x + 6, to_y, to_x, width))
    )


def text(x: float, y: float, said: str, kind: str, *, anchor: str = "start") -> Markup:
    """``said`` on the line y, in the type that class ``kind`` is."""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, _short(x), _short(y), anchor, said
    )


def shade(value: float | None, low: float, high: float) -> str:
    """One of seven classes, from ``t0`` (``low`` and less, bad) to ``t6`` (``high`` and more,
    good); ``none`` where there is no value."""
    if value is None:
        return "none"
    if high <= low:
        return "t3"
    return f"t{round(6 * min(max((value - low) / (high - low), 0), 1))}"


def figure(value: float | None) -> str:
    """A value in words, to three digits."""
    if value is None:
        return "—"
    told = f"{abs(value):.2f}" if abs(value) <= 1 else f"{abs(value):.3g}"
    return f"−{told}" if value < 0 and float(told) else told


def key(x: float, y: float, said: str) -> list[Markup]:
    """The seven colours of values with what is ``said`` of them."""
    shades = [rect(x + 14 * number, y - 10, 14, 12, f"t{number}") for number in range(7)]
    return [*shades, text(x + 106, y, said, "quiet")]


@cache
def _style() -> str:
    return (Path(__file__).parent / "picture.css").read_text(encoding="utf-8")


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
