"""A downstream model that tasks of the LM Evaluation Harness validate, from local files."""

from pathlib import Path

import pytest

from assets.models.card import model_card
from assets.report.model import model_report
from tests.assets.conftest import new_workshop
from tests.assets.models.test_models import PAIRS, TRAIN
from tests.harness_task import write_sums


def test_tasks_decide_and_are_told(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval")
    workshop = new_workshop(tmp_path, tiny_model, monkeypatch)
    workshop.recipe("made", PAIRS, rows=12)
    workshop.dataset("pairs", of=["made"], held_out=0, deduplicate=None)
    tasks = {"use": "trainers.Harness", "tasks": ["sums"], "include": "tasks"}
    declared = workshop.model("assistant", train={"dpo": TRAIN}, validate={"tasks": tasks})
    write_sums(declared.parent / "tasks")
    workshop.run("made", "2026-11-01")
    version = workshop.train("assistant")
    figures = version.figures["tasks"]
    assert figures["tasks"]["sums"]["items"] == 6
    assert figures["low"] <= figures["difference"] <= figures["high"]
    assert version.promoted == (figures["high"] >= 0)
    project = workshop.project()
    card = model_card(project, project.models["assistant"], version, "out").text
    page = model_report(project, "assistant")
    for text in (card, page):
        assert "sums" in text
        assert "acc" in text
    assert str(tmp_path) not in card
