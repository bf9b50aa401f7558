"""A picture of the rows that a stage read, kept and dropped, with the reasons."""

from collections.abc import Mapping

from assets.charts.svg import WIDTH, Picture, rect, text
from assets.charts.words import shortened

EDGE, LINE = 14, 24
NAMES, COUNTS = 220, 110
"""The widths of the columns left and right of the bars, in pixels."""

REASONS = 8
"""The number of reasons with their own bar. The rarest share one bar."""


def funnel_picture(unit: str, came: int, kept: int, dropped: Mapping[str, int]) -> Picture:
    """Draw a bar for the kept rows and one for each reason.

    Args:
        unit: The name of what is counted.
        came: The number of rows in.
        dropped: The number of rows by reason, the most frequent first.
    """
    listed = dict(list(dropped.items())[:REASONS])
    rest = sum(dropped.values()) - sum(listed.values())
    if rest:
        listed[f"{len(dropped) - REASONS} other reasons"] = rest
    title = f"{came:,} {unit} in, {kept:,} kept, {sum(dropped.values()):,} dropped"
    shapes = [text(EDGE, 26, title, "title")]
    room = WIDTH - 2 * EDGE - NAMES - COUNTS
    bars = [("kept", kept, "good-bar"), *((name, rows, "bad-bar") for name, rows in listed.items())]
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
    reasons = "; ".join(f"{rows:,} {name}" for name, rows in listed.items())
    return Picture(y + EDGE, f"{title}: {reasons}" if reasons else title, shapes)
