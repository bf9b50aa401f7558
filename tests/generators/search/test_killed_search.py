"""A search killed at any moment, and asked for again: the same trees, and no rollout paid twice."""

import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engines.journal.statistics import statistics

SCRIPT = Path(__file__).with_name("search_process.py")


def command(folder: Path) -> list[str]:
    return [sys.executable, str(SCRIPT), str(folder)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(SCRIPT.parents[3]), "OMP_NUM_THREADS": "1"}


def run(folder: Path) -> int:
    """How many answers the model gave."""
    done = subprocess.run(command(folder), env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def answers(folder: Path) -> int:
    journal = folder / "journal.sqlite"
    return statistics(journal).answers if journal.exists() else 0


def kill_at(folder: Path, moment: int) -> None:
    """Run it, and kill it when it has so many answers."""
    with subprocess.Popen(command(folder), env=environment(), start_new_session=True) as process:
        while answers(folder) < moment:
            try:
                process.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail("it ended before the moment to kill it")
        process.kill()


def test_a_killed_search_ends_in_the_same_trees_and_repays_nothing(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    asked = run(whole)
    assert asked == answers(whole)
    seed = random.randrange(2**32)
    print(f"moments of {seed}")
    for moment in sorted(random.Random(seed).sample(range(1, asked * 3 // 4), 2)):
        kill_at(killed, moment)
    kept = answers(killed)
    assert 0 < kept < asked
    assert run(killed) == asked - kept
    assert answers(killed) == asked
    expected, found = (pl.read_parquet(folder / "trees.parquet") for folder in (whole, killed))
    assert_frame_equal(found, expected)
    assert expected["terminal"].any()
