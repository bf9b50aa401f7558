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


def factory(*commands: list[str]) -> list[Any]:
    """What commands answer, all of one process, which starts Ray once."""
    code = (
        "import json, sys; from typer.testing import CliRunner; from assets.cli import app\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    done = CliRunner().invoke(app, [*command, '--json'])\n"
        "    assert done.exit_code == 0, done.output\n"
        "    print(done.stdout.strip().splitlines()[-1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_recipe_runs_on_replicas_that_fit(workshop: Workshop, tiny_model: Path) -> None:
    one = {"model": str(tiny_model), "profile": "pocket"}
    placed: dict[str, Any] = {**one, "replicas": 1, "gpus": 0}
    # There is no GPU for the judge, but this recipe does not ask it.
    workshop.configure(roles={"policy": placed, "judge": {**placed, "gpus": 1}})
    workshop.recipe("twice", TWICE)
    cluster, run = factory(["cluster", "twice"], ["run", "twice", "--refresh", "2026-11-01"])

    assert cluster["fits"]
    each = {"role": "policy", "replicas": 1, "fit": 1, "each": {"CPU": 1}}
    assert cluster["replicas"] == {"responses": [each], "pairs": [], "others": [each]}
    # Ray is still there at the second stage that asks replicas.
    calls = {name: stage["model_calls"] for name, stage in run["stages"].items()}
    assert (calls["responses"], calls["others"]) == (12, 12)
