"""Replicas on this machine, from the command line. Run by ``make test-cluster``."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.assets.conftest import SAMPLED, Workshop

pytestmark = pytest.mark.cluster

TWICE = {
    "responses": SAMPLED,
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
    "others": {**SAMPLED, "temperature": 0.5},
}


def factory(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "assets.cli", *arguments, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_recipe_runs_on_replicas_that_fit(workshop: Workshop, tiny_model: Path) -> None:
    one = {"model": str(tiny_model), "profile": "pocket"}
    placed: dict[str, Any] = {**one, "replicas": 1, "gpus": 0}
    workshop.configure(roles={"policy": placed, "judge": {**placed, "gpus": 1}})
    workshop.recipe("twice", TWICE)

    # There is no GPU for the judge, but this recipe does not ask it.
    told = factory("cluster", "twice")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["fits"]
    assert found["replicas"]["responses"] == [
        {"role": "policy", "replicas": 1, "fit": 1, "each": {"CPU": 1}}
    ]
    assert found["replicas"]["pairs"] == []

    # Ray is started once, and is still there at the second stage.
    done = factory("run", "twice", "--refresh", "2026-11-01")
    assert done.returncode == 0, done.stderr
    stages = json.loads(done.stdout)["stages"]
    assert {name: stage["model_calls"] for name, stage in stages.items() if "pairs" not in name} | {
        "prompts": 0
    } == {"prompts": 0, "responses": 12, "others": 12}
