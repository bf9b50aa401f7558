"""The shapes that pictures are made of. `markupsafe` escapes all text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

WIDTH = 680
"""The width of a picture in pixels: the width of Dagster's dialog for Markdown."""

LETTER = 12.0
CELL = 0.61 * LETTER
"""The font size of the monospaced text of steps, and the width of its characters, in pixels."""

TITLE = 8.3
"""An upper estimate of the width of a character of the bold title, in pixels."""


@dataclass(frozen=True)
class Picture:
    """A drawing, ``WIDTH`` wide; ``says`` describes it in words. Its colours are the classes of
    ``picture.css``. No element has a style attribute, so a page's policy allows it."""

    height: float
    says: str
    shapes: Sequence[Markup]

    def inside(self) -> Markup:
        """The SVG as a part of a page that defines the colours."""
        return self._drawn(Markup(""))

    def alone(self) -> str:
        """The SVG as a separate file."""
        # The package's own stylesheet: it contains no data.
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
    """A line, ``width`` wide, down from (x, y) and then across to (to_x, to_y)."""
    return Markup('<path class="edge" d="M{} {}V{}Q{} {} {} {}H{}" stroke-width="{}"/>').format(
        *map(_short, (x, y, to_y - 6, x, to_y, x + 6, to_y, to_x, width))
    )


def line(x: float, y: float, to_x: float, to_y: float, kind: str) -> Markup:
    """A straight line of class ``kind``."""
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        kind, *map(_short, (x, y, to_x, to_y))
    )


def curve(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    """Straight lines from point to point, of class ``kind``."""
    places = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, places)


def text(x: float, y: float, content: str, kind: str, *, anchor: str = "start") -> Markup:
    """``content`` at (x, y), in the font of class ``kind``."""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, _short(x), _short(y), anchor, content
    )


def shade(value: float | None, low: float, high: float) -> str:
    """One of seven classes, from ``t0`` (at most ``low``, bad) to ``t6`` (at least ``high``, good);
    ``none`` if there is no value."""
    if value is None:
        return "none"
    if high <= low:
        return "t3"
    return f"t{round(6 * min(max((value - low) / (high - low), 0), 1))}"


def figure(value: float | None) -> str:
    """A value as text, with three digits."""
    if value is None:
        return "—"
    digits = f"{abs(value):.2f}" if abs(value) <= 1 else f"{abs(value):.3g}"
    return f"−{digits}" if value < 0 and float(digits) else digits


def key(x: float, y: float, label: str) -> list[Markup]:
    """A legend: the seven colours of values, and a ``label``."""
    shades = [rect(x + 14 * number, y - 10, 14, 12, f"t{number}") for number in range(7)]
    return [*shades, text(x + 106, y, label, "quiet")]


@cache
def _style() -> str:
    return (Path(__file__).parent / "picture.css").read_text(encoding="utf-8")


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
