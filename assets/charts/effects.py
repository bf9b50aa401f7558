"""Pictures of an ablation: the effect of each part, or the gain over the number of rows."""

from collections.abc import Sequence
from itertools import pairwise
from math import log2

from markupsafe import Markup

from assets.charts.effect_words import effect_of, interval_text
from assets.charts.svg import WIDTH, Picture, line, rect, text
from assets.charts.words import shortened
from assets.storage.ablations import Ablation, Interval, VariantResult

EDGE, LINE, TOP = 14, 34, 62
NAMES = 270
"""The width of the column of names, in pixels."""
CURVE = 200
"""The height of a curve, in pixels."""


def effects_picture(ablation: Ablation, measure: str) -> Picture:
    """The difference of each variant to the training on all data, with its 95 % interval."""
    effects = [(each, effect) for each in ablation.variants if (effect := _effect(each, measure))]
    reach = max((abs(end) for _, effect in effects for end in (effect.low, effect.high)), default=0)
    left, right = EDGE + NAMES, WIDTH - EDGE
    middle, scale = (left + right) / 2, (right - left) / 2 / (1.05 * (reach or 1))
    by = ablation.variants[0].measured[measure].by
    title = f"{measure}: training without a part, minus training on all data"
    shapes = [text(EDGE, 26, shortened(title, 80), "title")]
    shapes += [
        text(left, 46, "worse", "quiet"),
        text(right, 46, "better", "quiet", anchor="end"),
    ]
    y = float(TOP)
    for each, effect in effects:
        x, low, high = (middle + scale * value for value in (effect.mean, effect.low, effect.high))
        tone = _tone(effect)
        shapes += [
            text(left - 12, y + 12, shortened(each.name, 42), "name", anchor="end"),
            rect(low, y + 5, max(high - low, 1), 8, tone, round=4),
            rect(x - 2, y + 1, 4, 16, tone, round=2),
            text(left, y + 28, f"{interval_text(effect, by)}: {effect_of(each, measure)}", "quiet"),
        ]
        y += LINE
    shapes.append(line(middle, TOP - 8, middle, y, "edge"))
    summary = "; ".join(f"{each.name} {interval_text(effect, by)}" for each, effect in effects)
    return Picture(y + EDGE, f"{title}: {summary}", shapes)


def curve_picture(ablation: Ablation, measure: str) -> Picture:
    """The gain over the start at each number of rows, with its 95 % interval."""
    points = sorted(
        (sum(each.rows.values()), each.measured[measure].gain)
        for each in ablation.variants
        if measure in each.measured
    )
    by = ablation.variants[0].measured[measure].by
    title = f"{measure}: gain over the start by the number of rows, at equal steps"
    low = min(0.0, *(gain.low for _, gain in points))
    high = max(0.0, *(gain.high for _, gain in points))
    first, last = log2(points[0][0]), log2(points[-1][0])

    def place(rows: int, value: float) -> tuple[float, float]:
        across = (log2(rows) - first) / ((last - first) or 1)
        up = (value - low) / ((high - low) or 1)
        return EDGE + 60 + across * (WIDTH - 2 * EDGE - 120), TOP + CURVE * (1 - up)

    zero = place(points[0][0], 0)[1]
    shapes = [
        text(EDGE, 26, shortened(title, 80), "title"),
        line(EDGE, zero, WIDTH - EDGE, zero, "edge"),
        text(EDGE, zero - 4, "the start", "quiet"),
    ]
    middles = [place(rows, gain.mean) for rows, gain in points]
    shapes += _joined(middles)
    for (rows, gain), (x, y) in zip(points, middles, strict=True):
        top, bottom = place(rows, gain.high)[1], place(rows, gain.low)[1]
        tone = _tone(gain)
        shapes += [
            rect(x - 3, top, 6, max(bottom - top, 1), tone, round=3),
            rect(x - 8, y - 2, 16, 4, tone, round=2),
            text(x, TOP + CURVE + 20, f"{rows:,} rows", "quiet", anchor="middle"),
            text(x, TOP - 12, interval_text(gain, by).split(" [")[0], "number", anchor="middle"),
        ]
    summary = "; ".join(f"{rows:,} rows {interval_text(gain, by)}" for rows, gain in points)
    return Picture(TOP + CURVE + 36, f"{title}: {summary}", shapes)


def _joined(points: Sequence[tuple[float, float]]) -> list[Markup]:
    return [line(*one, *other, "edge") for one, other in pairwise(points)]


def _effect(variant: VariantResult, measure: str) -> Interval | None:
    measured = variant.measured.get(measure)
    return None if measured is None else measured.effect


def _tone(interval: Interval) -> str:
    if not interval.decided:
        return "plain-bar"
    return "good-bar" if interval.mean > 0 else "bad-bar"
