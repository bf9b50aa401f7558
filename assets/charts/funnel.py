"""How many rows came into a stage, how many it kept and why it dropped the others, as a picture."""

from collections.abc import Mapping

from assets.charts.svg import WIDTH, Picture, rect, text
from assets.charts.words import shortened

EDGE, LINE = 14, 24
NAMES, COUNTS = 220, 110
"""The width of what stands left and right of the bars, in pixels."""

REASONS = 8
"""Drawn one by one; the others, the rarest, are one bar."""


def funnel_picture(unit: str, came: int, kept: int, dropped: Mapping[str, int]) -> Picture:
    """A bar for the rows that were kept and one for each reason, most frequent first as in
    ``dropped``, out of ``came``, in ``unit``s."""
    shown = dict(list(dropped.items())[:REASONS])
    rest = sum(dropped.values()) - sum(shown.values())
    if rest:
        shown[f"{len(dropped) - REASONS} other reasons"] = rest
    told = f"{came:,} {unit} in, {kept:,} kept, {sum(dropped.values()):,} dropped"
    shapes = [text(EDGE, 26, told, "title")]
    room = WIDTH - 2 * EDGE - NAMES - COUNTS
    bars = [("kept", kept, "good-bar"), *((name, rows, "bad-bar") for name, rows in shown.items())]
    y = 40.0
    for name, rows, tone in bars:
        share = rows / came if came else 0.0
        count = f"{rows:,} ({share:.1%})"
        shapes += [
            text(EDGE + NAMES - 10, y + 15, shortened(name, 34), "name", anchor="end"),
            rect(EDGE + NAMES, y + 4, room, 14, "none", round=3),
            rect(EDGE + NAMES, y + 4, room * min(share, 1.0), 14, tone, round=3),
            text(WIDTH - EDGE, y + 15, count, "number", anchor="end"),
        ]
        y += LINE
    reasons = "; ".join(f"{rows:,} {name}" for name, rows in shown.items())
    return Picture(y + EDGE, f"{told}: {reasons}" if reasons else told, shapes)
