"""Kill the real process at any moment, give the same command again: nothing is lost or repaid."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engines.journal import statistics

COMMAND = [sys.executable, "-m", "assets.cli", "run", "online_dpo", "--rows", "24", "--json"]
NOT_THE_SAME_TWICE = ["seconds", "path", "start"]
"""Columns of a checkpoint that name this root, or say how long it took."""


def environment(root: Path) -> dict[str, str]:
    home = {"FACTORY_ROOT": str(root / "data"), "DAGSTER_HOME": str(root / "dagster")}
    return os.environ | home | {"OMP_NUM_THREADS": "1"}


def run(root: Path, refresh: str) -> dict[str, dict[str, dict[str, int]]]:
    done = subprocess.run(
        [*COMMAND, "--refresh", refresh], env=environment(root), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, dict[str, dict[str, int]]] = json.loads(done.stdout)
    return result


def run_and_kill(root: Path, refresh: str, seconds: float) -> bool:
    """Whether it was still running when it was killed."""
    with subprocess.Popen(
        [*COMMAND, "--refresh", refresh],
        env=environment(root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return True
    return False


def answers(root: Path) -> int:
    journal = root / "data" / "journal.sqlite"
    return statistics(journal).answers if journal.exists() else 0


def calls(result: dict[str, dict[str, dict[str, int]]]) -> int:
    return sum(stage["model_calls"] for stage in result["stages"].values())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float, int]:
    """A run that nothing interrupted, how long it took, and how many answers it needed."""
    root = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    asked = calls(run(root, "2026-02-01"))
    return root, time.monotonic() - began, asked


def test_a_killed_run_ends_in_the_same_tables_and_repays_nothing(
    whole: tuple[Path, float, int], tmp_path: Path
) -> None:
    expected, seconds, asked = whole
    moments = random.Random(0)
    for _ in range(4):
        before = answers(tmp_path)
        run_and_kill(tmp_path, "2026-02-01", moments.uniform(0.3, 1.0) * seconds)
        assert answers(tmp_path) >= before
    kept = answers(tmp_path)
    assert calls(run(tmp_path, "2026-02-01")) == asked - kept
    assert answers(tmp_path) == asked

    tables = sorted((expected / "data" / "tables").rglob("*.parquet"))
    assert len(tables) > 6
    for table in tables:
        again = tmp_path / table.relative_to(expected)
        uninterrupted, resumed = (
            pl.read_parquet(file).drop(NOT_THE_SAME_TWICE, strict=False) for file in (table, again)
        )
        assert_frame_equal(resumed, uninterrupted)
    for weights in (expected / "data" / "models").rglob("*.safetensors"):
        assert (tmp_path / weights.relative_to(expected)).read_bytes() == weights.read_bytes()


def test_the_same_command_again_asks_the_model_nothing(whole: tuple[Path, float, int]) -> None:
    root, _, _ = whole
    assert calls(run(root, "2026-02-01")) == 0
