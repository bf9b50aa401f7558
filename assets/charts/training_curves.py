"""Pictures of a training: its figures over optimizer steps, one line for each run."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from markupsafe import Markup

from assets.charts.in_markdown import in_markdown
from assets.charts.svg import WIDTH, Picture, figure, line, rect, text
from trainers.training.checkpoint_folder import RECORD

EDGE, TOP, HEIGHT, AXIS = 14, 64, 120, 46
"""Pixels: the margin, the place of the drawing, its height, and the width of its axis."""

CURVES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "loss": (("loss", "plain"),),
    "reward margin": (("rewards/margins", "plain"),),
    "reward accuracy": (("rewards/accuracies", "plain"),),
    "log-probs": (("logps/chosen", "good"), ("logps/rejected", "bad")),
    "token accuracy": (("mean_token_accuracy", "plain"),),
}
"""The pictures by title: the reported figures, each with its colour."""

Reports = Sequence[Mapping[str, float]]


def training_curves(checkpoints: pl.DataFrame) -> dict[str, dg.MetadataValue[Any]]:
    """Pictures of the trainings behind checkpoints, as metadata for Dagster.

    Args:
        checkpoints: A `schemas.Checkpoints` table: one run, or one for each seed.
    """
    histories = [_history(path) for path in checkpoints["path"]]
    return {
        f"curve: {title}": in_markdown(picture)
        for title, picture in curve_pictures([each for each in histories if each]).items()
    }


def curve_pictures(histories: Sequence[Reports]) -> dict[str, Picture]:
    """The pictures of the figures that were reported at two steps at least, by title."""
    pictures = {}
    for title, names in CURVES.items():
        series = [
            (name, tone, points)
            for name, tone in names
            for history in histories
            if len(points := [(r["step"], r[name]) for r in history if name in r]) > 1
        ]
        if series:
            pictures[title] = _picture(title, series, runs=len(histories))
    return pictures


def _history(path: str) -> Reports:
    """The reports of a training; none if its record is gone."""
    try:
        record = json.loads((Path(path) / RECORD).read_bytes())
    except (OSError, ValueError):
        return []
    history: Reports = record.get("history", [])
    return history


def _picture(
    title: str, series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], *, runs: int
) -> Picture:
    steps = [step for _, _, points in series for step, _ in points]
    values = [value for _, _, points in series for _, value in points]
    first, last = min(steps), max(steps)
    low, high = min(values), max(values)
    left, right, floor = EDGE + AXIS, WIDTH - EDGE, TOP + HEIGHT

    def place(step: float, value: float) -> tuple[float, float]:
        across = (step - first) / ((last - first) or 1)
        up = (value - low) / (high - low) if high > low else 0.5
        return left + (right - left) * across, floor - HEIGHT * up

    shapes = [text(EDGE, 26, f"{title} over {last:,.0f} steps", "title")]
    shapes += _legend(series, runs)
    shapes += [
        text(left - 8, TOP + 5, figure(high), "quiet", anchor="end"),
        text(left - 8, floor + 4, figure(low), "quiet", anchor="end"),
        text(left, floor + 20, f"step {first:,.0f}", "quiet"),
        text(right, floor + 20, f"{last:,.0f}", "quiet", anchor="end"),
        line(left, floor, right, floor, "edge"),
    ]
    for _, tone, points in series:
        shapes += [
            line(*place(*one), *place(*other), f"{tone}-line") for one, other in pairwise(points)
        ]
    ends = dict.fromkeys(name for name, _, _ in series)
    says = ", ".join(
        f"{name} {figure(points[0][1])} to {figure(points[-1][1])}"
        for name in ends
        for points in [next(points for other, _, points in series if other == name)]
    )
    return Picture(floor + 32, f"{title} over {last:,.0f} steps: {says}", shapes)


def _legend(series: Sequence[tuple[str, str, Any]], runs: int) -> list[Markup]:
    shapes, x = [], float(EDGE)
    for name, tone in dict.fromkeys((name, tone) for name, tone, _ in series):
        shapes += [rect(x, 37, 9, 9, f"{tone}-bar"), text(x + 14, 46, name, "quiet")]
        x += 34 + 6.6 * len(name)
    if runs > 1:
        shapes.append(text(WIDTH - EDGE, 46, f"{runs} seeds", "quiet", anchor="end"))
    return shapes
