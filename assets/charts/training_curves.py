"""Pictures of a training: its figures over optimizer steps, one line for each run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from markupsafe import Markup

from assets.charts.axis import axis, grid
from assets.charts.in_markdown import in_markdown
from assets.charts.svg import WIDTH, Picture, curve, figure, rect, text
from trainers.training.checkpoint_folder import RECORD

if TYPE_CHECKING:
    import dagster as dg

EDGE, TITLE, HEIGHT, AXIS, ROW = 14, 26, 130, 46, 20
"""Pixels: the margin, the line of the title, the height of the drawing, the width of the labels of
its axis, and the height of a line of the legend."""
KINDS = 6
"""How many runs have a colour and dashes of their own."""

CURVES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "loss": (("loss", "loss", "plain"),),
    "reward margin": (("rewards/margins", "margin", "plain"),),
    "reward accuracy": (("rewards/accuracies", "accuracy", "plain"),),
    "rewards": (
        ("rewards/chosen", "chosen", "good"),
        ("rewards/rejected", "rejected", "bad"),
        ("rewards/right", "right steps", "good"),
        ("rewards/wrong", "wrong steps", "bad"),
        ("rewards/best", "best answer", "good"),
        ("rewards/worst", "worst answer", "bad"),
    ),
    "log-probs": (("logps/chosen", "chosen", "good"), ("logps/rejected", "rejected", "bad")),
    "KL from the start": (("kl", "KL in nats a token", "plain"),),
    "entropy": (("entropy", "entropy in nats a token", "plain"),),
    "tokens of an answer": (
        ("tokens/chosen", "chosen", "good"),
        ("tokens/rejected", "rejected", "bad"),
        ("tokens/answer", "answer", "plain"),
    ),
    "token accuracy": (("mean_token_accuracy", "accuracy", "plain"),),
}
"""The pictures by title: the reported figures, each with its name and colour."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Run:
    """The reports of a training, in the order of their steps, and its name in legends."""

    name: str
    reports: Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class _Line:
    """A figure of a run."""

    name: str
    tone: str
    run: int
    points: Points


def training_curves(checkpoints: pl.DataFrame) -> "dict[str, dg.MetadataValue[Any]]":
    """Pictures of the trainings behind checkpoints, as metadata for Dagster.

    Args:
        checkpoints: A `schemas.Checkpoints` table: one run, or one for each seed.
    """
    pictures = curve_pictures(runs_of(checkpoints["path"]))
    return {f"curve: {title}": in_markdown(picture) for title, picture in pictures.items()}


def runs_of(checkpoints: Sequence[str] | pl.Series) -> list[Run]:
    """The trainings behind checkpoints, named by their seeds. Those whose record is gone are left
    out."""
    return [run for path in checkpoints if (run := _run(Path(path))) is not None]


def _run(folder: Path) -> Run | None:
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    seed = record.get("identity", {}).get("seed")
    return Run("" if seed is None else f"seed {seed}", record.get("history", []))


def curve_pictures(runs: Sequence[Run]) -> dict[str, Picture]:
    """The pictures of the figures that were reported at two steps at least, by title."""
    pictures = {}
    for title, figures in CURVES.items():
        lines = [
            _Line(name, tone, number, points)
            for key, name, tone in figures
            for number, run in enumerate(runs)
            if len(points := [(r["step"], r[key]) for r in run.reports if key in r]) > 1
        ]
        if lines:
            pictures[title] = _picture(title, lines, runs)
    return pictures


def _picture(title: str, lines: Sequence[_Line], runs: Sequence[Run]) -> Picture:
    steps = [step for each in lines for step, _ in each.points]
    values = [value for each in lines for _, value in each.points]
    across, up = axis(0, max(steps), steps=5), axis(min(values), max(values))
    shapes = [text(EDGE, TITLE, f"{title} over {max(steps):,.0f} steps", "title")]
    legend, top = _legend(lines, runs)
    left, right, floor = EDGE + AXIS, WIDTH - EDGE - 8, top + HEIGHT

    def place(step: float, value: float) -> tuple[float, float]:
        return left + (right - left) * step / max(steps), floor - HEIGHT * up.place(value)

    shapes += [*legend, *grid(up, left, right, floor, HEIGHT)]
    shapes += [
        text(place(tick, 0)[0], floor + 18, label, "quiet", anchor="middle")
        for tick, label in zip(across.ticks, across.labels, strict=True)
        if tick <= max(steps)  # The drawing ends at the last step.
    ]
    shapes += [
        curve([place(*point) for point in each.points], _kind(each, lines)) for each in lines
    ]
    firsts: dict[str, _Line] = {}
    for each in lines:
        firsts.setdefault(each.name, each)
    summary = ", ".join(
        f"{name} {figure(each.points[0][1])} to {figure(each.points[-1][1])}"
        for name, each in firsts.items()
    )
    return Picture(floor + 30, f"{title} over {max(steps):,.0f} steps: {summary}", shapes)


def _kind(each: _Line, lines: Sequence[_Line]) -> str:
    """The classes of a line: its colour, of the figure or, if there is only one, of the run; and
    its dashes, of the run."""
    run = each.run % KINDS
    alone = len({other.name for other in lines}) == 1
    return f"{f'run-{run}' if alone else f'{each.tone}-line'} dash-{run}"


def _legend(lines: Sequence[_Line], runs: Sequence[Run]) -> tuple[list[Markup], float]:
    """The names of figures and runs, and where the drawing below them begins."""
    names = {each.name: each.tone for each in lines}
    entries = [(name, f"{tone}-bar", "") for name, tone in names.items()] if len(names) > 1 else []
    drawn = sorted({each.run for each in lines})
    if len(runs) > 1:
        for number in drawn[:KINDS]:
            colour = "plain-line" if len(names) > 1 else f"run-{number}"
            entries.append((runs[number].name, "", f"{colour} dash-{number}"))
        if len(drawn) > KINDS:
            entries.append((f"and {len(drawn) - KINDS} more", "", ""))
    shapes: list[Markup] = []
    x, y = float(EDGE), TITLE + ROW
    for name, bar, stroke in entries:
        width = 46 + 6.6 * len(name)
        if x + width > WIDTH - EDGE:
            x, y = float(EDGE), y + ROW
        if bar:
            shapes.append(rect(x, y - 9, 9, 9, bar))
        if stroke:
            shapes.append(curve([(x, y - 4), (x + 24, y - 4)], stroke))
        indent = 14 if bar else 30 if stroke else 0
        shapes.append(text(x + indent, y, name, "quiet"))
        x += width
    return shapes, y + (18 if entries else -2)
