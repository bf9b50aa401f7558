"""A stage runs without Dagster, and its outcome has all that is shown of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotators import Judge
from assets.execution.execute_stage import execute_stage
from assets.execution.run_stage import checks_of, metadata_of
from assets.project.label_truth import LabelCounts
from assets.project.recipe_plan import Stage
from filters import RandomPairs
from schemas import Pairs, Scores
from tests.annotators.scripted import Bench

CHECKS = {"test": "tests.annotators.scripted.is_right"}
ANSWERS = {f"prompt {n}": [f"wrong {n}", f"it is right {n}"] for n in range(3)}


def says(prompt: str, *responses: str) -> str:
    """A judge that grades right answers higher."""
    return "5" if "right" in responses[0].split() else "1"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A place to run a judge that says what a script says."""
    return Bench(tmp_path)


def test_a_judge_stage(bench: Bench) -> None:
    stage = Stage("scores", Judge(), Scores, ("responses", "prompts"))
    tables = bench.tables(ANSWERS)
    outcome = execute_stage(stage, tables, bench.context(says, checks=CHECKS))
    wrong, right = outcome.split.kept["value"].to_list()[:2]
    assert wrong < right
    assert (outcome.counts.came, outcome.counts.kept) == (6, 6)
    assert outcome.usage.model_calls > 6
    assert outcome.findings["judgements"] == 6
    assert outcome.findings["accuracy"] == 1.0
    assert outcome.probes is not None
    assert {check.check_name for check in checks_of(outcome)} == {
        *("schema", "adds_up", "probes", "option_mass")
    }
    shown = metadata_of(outcome, tables)
    assert shown["account"].value["model_calls"] == outcome.usage.model_calls
    assert json.dumps(shown["findings"].value)


def test_a_stage_of_pairs(bench: Bench) -> None:
    stage = Stage("pairs", RandomPairs(of="responses"), Pairs, ("responses", "prompts"))
    tables = bench.tables(ANSWERS)
    outcome = execute_stage(stage, tables, bench.context(says, checks=CHECKS))
    chosen = [turns[-1]["content"] for turns in outcome.split.kept["chosen"]]
    right = sum(text.startswith("it is right") for text in chosen)
    assert outcome.labels == LabelCounts(right=right, wrong=3 - right)
    assert {check.check_name for check in checks_of(outcome)} >= {"label_accuracy"}


def test_nothing_of_dagster_is_imported() -> None:
    code = "import sys; import assets.execution.execute_stage; print('dagster' in sys.modules)"
    asked: dict[str, Any] = {"capture_output": True, "text": True, "check": True}
    assert subprocess.run([sys.executable, "-c", code], **asked).stdout.strip() == "False"
