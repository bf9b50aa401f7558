"""The curves of a training: the figures that were reported, one line for each run."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from assets.charts import curve_pictures, training_curves


def history(*losses: float, **others: list[float]) -> list[dict[str, Any]]:
    return [
        {"step": step, "loss": loss} | {name: values[step - 1] for name, values in others.items()}
        for step, loss in enumerate(losses, 1)
    ]


def test_a_picture_for_each_reported_figure() -> None:
    one = history(0.7, 0.6, 0.5, **{"logps/chosen": [-3, -2, -1], "logps/rejected": [-3, -4, -5]})
    pictures = curve_pictures([one])
    assert list(pictures) == ["loss", "log-probs"]
    assert pictures["loss"].says == "loss over 3 steps: loss 0.70 to 0.50"
    svg = pictures["log-probs"].alone()
    assert svg.count('class="good-line"') == svg.count('class="bad-line"') == 2
    assert "seeds" not in svg


def test_seeds_share_a_picture() -> None:
    picture = curve_pictures([history(0.7, 0.6), history(0.7, 0.5)])["loss"]
    assert picture.alone().count('class="plain-line"') == 2
    assert "2 seeds" in picture.alone()


def test_one_report_is_no_curve() -> None:
    assert curve_pictures([history(0.7)]) == {}


def test_curves_of_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(json.dumps({"history": history(0.7, 0.6)}))
    found = training_curves(pl.DataFrame({"path": [str(tmp_path), str(tmp_path / "gone")]}))
    assert list(found) == ["curve: loss"]
