"""Draws a solution. Each step has the colour of its value, or of its label if it has no value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from assets.charts.svg import CELL, TITLE, WIDTH, Picture, figure, key, rect, shade, text
from assets.charts.words import lines, shortened

MOST = 24
"""The most steps in a picture."""

EDGE, LINE, GAP = 14, 16, 3
TEXT_END = WIDTH - 140
"""The x at which the texts of steps end, and their values and labels begin."""


@dataclass(frozen=True)
class Judged:
    """A solution to draw. ``values`` and ``labels`` have an entry a step, None if not known.
    ``first_error`` counts from 0. ``notes`` are about the whole solution."""

    prompt: str
    steps: Sequence[str]
    values: Sequence[float | None]
    labels: Sequence[bool | None]
    first_error: int | None = None
    notes: Sequence[str] = ()


def labelled(row: Mapping[str, Any]) -> Judged:
    """The solution of a row of `schemas.StepLabels`."""
    return Judged(
        row["prompt"][-1]["content"],
        row["completions"],
        row["values"],
        row["labels"],
        row["first_error"],
    )


def scored(prompt: str, steps: Sequence[str], scores: Sequence[Mapping[str, Any]]) -> Judged:
    """A response with the scores of one annotator (rows of `schemas.Scores`)."""
    values = {score["step"]: score["value"] for score in scores}
    notes = [
        f"{label} {figure(values[step])}"
        for step, label in ((-1, "before any step"), (None, "whole answer"))
        if step in values
    ]
    by_step = [values.get(step) for step in range(len(steps))]
    return Judged(prompt, steps, by_step, [None] * len(steps), None, notes)


def solution_picture(
    judged: Judged, *, scale: tuple[float, float] = (0.0, 1.0), most: int = MOST
) -> Picture:
    """Draw a solution.

    Args:
        scale: The lowest and highest value of the colours.
        most: The most steps to draw. These are the first ones, or those that end with the first
            wrong step if it comes later.
    """
    shapes: list[Markup] = []
    y = 10.0
    for line in lines(judged.prompt, int((WIDTH - 2 * EDGE) / TITLE), 3):
        y += 18
        shapes.append(text(EDGE, y, line, "title"))
    count = len(judged.steps)
    wrong = "" if judged.first_error is None else f"first wrong step {judged.first_error + 1}"
    counted = ", ".join(filter(None, [f"{count:,} steps", wrong, *judged.notes]))
    shapes.append(text(EDGE, y + 20, counted, "quiet"))
    y += 32
    last = min(count, max(most, (judged.first_error or 0) + 1))
    first = last - min(most, last)
    for number in range(first, last):
        drawn, y = _step(judged, number, y, scale)
        shapes += drawn
    if count > last - first:
        note = f"steps {first + 1:,} to {last:,} of {count:,}; the others are left out"
        y += 18
        shapes.append(text(EDGE, y, note, "quiet"))
        counted += f"; {note}"
    if any(value is not None for value in judged.values):
        y += 22
        shapes += key(EDGE, y, "value, from {} to {}".format(*map(figure, scale)))
    summary = f"Solution of {shortened(judged.prompt, 120)}: {counted}"
    return Picture(y + EDGE, summary, shapes)


def _step(
    judged: Judged, number: int, y: float, scale: tuple[float, float]
) -> tuple[list[Markup], float]:
    """The shapes of one step that begins at ``y``, and the y of the next one."""
    value, label = judged.values[number], judged.labels[number]
    step = lines(judged.steps[number], int((TEXT_END - EDGE - 40) / CELL), 4) or ["(empty)"]
    high = LINE * len(step) + 10
    tone = shade(value, *scale)
    if value is None and label is not None:
        tone = "t5" if label else "t1"
    bar = {True: "good-bar", False: "bad-bar", None: "plain-bar"}[label]
    shapes = [
        rect(EDGE, y, WIDTH - 2 * EDGE, high, tone, round=4),
        rect(EDGE, y, 4, high, bar),
        text(EDGE + 30, y + 17, str(number + 1), "number", anchor="end"),
    ]
    for place, line in enumerate(step):
        shapes.append(text(EDGE + 40, y + 17 + LINE * place, line, "step"))
    if value is not None or label is None:
        shapes.append(text(WIDTH - EDGE - 78, y + 17, figure(value), "number", anchor="end"))
    if label is not None:
        mark = "✓ right" if label else "✗ wrong"
        shapes.append(text(WIDTH - EDGE - 8, y + 17, mark, "mark", anchor="end"))
    return shapes, y + high + GAP
