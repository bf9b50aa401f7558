"""The curves of a training: the figures that were reported, one line for each run."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from assets.charts.training_curves import Run, curve_pictures, training_curves


def history(*losses: float, **others: list[float]) -> list[dict[str, Any]]:
    return [
        {"step": step, "loss": loss} | {name: values[step - 1] for name, values in others.items()}
        for step, loss in enumerate(losses, 1)
    ]


def kinds(svg: str) -> list[str]:
    """The classes of the lines."""
    return re.findall(r'<polyline class="([^"]+)"', svg)


def test_a_picture_for_each_reported_figure() -> None:
    sides = {"logps/chosen": [-3.0, -2, -1], "logps/rejected": [-3.0, -4, -5]}
    pictures = curve_pictures([Run("seed 0", history(0.7, 0.6, 0.5, **sides))])
    assert list(pictures) == ["loss", "log-probs"]
    assert pictures["loss"].says == "loss over 3 steps: loss 0.70 to 0.50"
    assert pictures["log-probs"].says.endswith("chosen −3 to −1.00, rejected −3 to −5")
    svg = pictures["log-probs"].alone()
    assert kinds(svg) == ["good-line dash-0", "bad-line dash-0"]
    assert "seed" not in svg


def test_seeds_differ_and_are_named() -> None:
    tokens = {"tokens/chosen": [5.0, 6], "tokens/rejected": [7.0, 8]}
    runs = [Run(f"seed {seed}", history(0.7, 0.6, **tokens)) for seed in (3, 4)]
    pictures = curve_pictures(runs)
    loss = pictures["loss"].alone()
    assert set(kinds(loss)) == {"run-0 dash-0", "run-1 dash-1"}
    assert "seed 3" in loss
    assert "seed 4" in loss
    # Where colours are the sides of a pair, dashes are the seeds.
    sides = kinds(pictures["tokens of an answer"].alone())
    assert {"good-line dash-0", "good-line dash-1", "bad-line dash-1"} < set(sides)


def test_the_axis_has_round_numbers() -> None:
    svg = curve_pictures([Run("", history(0.693, 0.412, 0.237))])["loss"].alone()
    labels = re.findall(r">([\d.]+)</text>", svg)
    assert {"0.2", "0.4", "0.6", "0.8"} <= set(labels)


def test_one_report_is_no_curve() -> None:
    assert curve_pictures([Run("", history(0.7))]) == {}


def test_curves_of_checkpoints(tmp_path: Path) -> None:
    record = {"identity": {"seed": 5}, "history": history(0.7, 0.6)}
    (tmp_path / "training.json").write_text(json.dumps(record))
    found = training_curves(pl.DataFrame({"path": [str(tmp_path), str(tmp_path / "gone")]}))
    assert list(found) == ["curve: loss"]
