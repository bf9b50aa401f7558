"""Kill the real process at any moment, give the same command again: nothing is lost or repaid."""

import json
import os
import random
import shutil
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from engines.journal.statistics import statistics
from tests.forked_commands import started

DAY = "2026-02-01"
NOT_THE_SAME_TWICE = ["seconds", "path", "start"]
"""Columns of a checkpoint that name this root, or say how long it took."""


HELD_OUT = {
    "name": "few",
    "read": {"use": "pocket.Problems", "split": "held_out"},
    "check": "pocket.check",
    "rows": 4,
    "fixed": True,
}


ASSISTANT: dict[str, Any] = {
    "name": "assistant",
    "train": {
        "dpo": {
            "use": "trainers.DPO",
            "of": "datasets/online_dpo",
            "epochs": 12,
            "checkpoint_seconds": 0,
        }
    },
    "gate": "none",
}


def environment(root: Path) -> dict[str, str]:
    """Everything under ``root``, and few held-out prompts: validation is most of the work."""
    source = root / "recipes" / "few" / "defs.yaml"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(yaml.safe_dump({"type": "assets.Source", "attributes": HELD_OUT}))
    return os.environ | {
        "FACTORY_ROOT": str(root / "data"),
        "FACTORY_RECIPES": json.dumps([str(root / "recipes")]),
        "FACTORY_HELD_OUT": "few",
        "FACTORY_SCHEDULE__START": DAY,
        "DAGSTER_HOME": str(root / "dagster"),
        "OMP_NUM_THREADS": "1",
    }


def command(root: Path, recipe: str) -> ForkServerProcess:
    words = ["run", recipe, "--rows", "12", "--json", "--refresh", DAY]
    if recipe == ASSISTANT["name"]:
        words = ["train", recipe]
    return started(words, environment(root), root / "printed")


def run(root: Path, recipe: str = "online_dpo") -> dict[str, dict[str, dict[str, int]]]:
    process = command(root, recipe)
    process.join()
    assert process.exitcode == 0, (root / "printed.err").read_text()
    result: dict[str, dict[str, dict[str, int]]] = json.loads((root / "printed").read_text())
    return result


def kill_when(
    reached: Callable[[], bool], root: Path, recipe: str = "online_dpo", *, later: float = 0
) -> None:
    """Run it, and kill it ``later`` seconds after ``reached`` has come true."""
    process = command(root, recipe)
    while not reached():
        process.join(0.03)
        assert process.exitcode is None, "it ended before the moment to kill it"
    process.join(later)
    assert process.exitcode is None, "it ended before it was killed"
    process.kill()
    process.join()


def answers(root: Path) -> int:
    journal = root / "data" / "journal.sqlite"
    return statistics(journal).answers if journal.exists() else 0


def has(root: Path, least: float) -> Callable[[], bool]:
    """Whether the journal holds so many answers by now."""
    return lambda: answers(root) >= least


def calls(result: dict[str, dict[str, dict[str, int]]]) -> int:
    return sum(stage["model_calls"] for stage in result["stages"].values())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """A run that nothing interrupted, how many answers its responses needed, and how many all."""
    root = tmp_path_factory.mktemp("whole")
    result = run(root)
    return root, result["stages"]["responses"]["model_calls"], calls(result)


def test_a_killed_run_ends_in_the_same_tables_and_repays_nothing(
    whole: tuple[Path, int, int], tmp_path: Path
) -> None:
    expected, written, asked = whole
    seed = random.randrange(2**32)
    print(f"moments of {seed}")
    moments = random.Random(seed)
    pairs = tmp_path / "data" / "tables" / "online_dpo" / "pairs" / f"{DAY}.parquet"
    writing = moments.randrange(1, written)
    validating = moments.randrange(written + 1, asked)
    for reached, later in (
        (lambda: (tmp_path / "dagster").exists(), moments.uniform(0, 1)),
        (has(tmp_path, writing), 0),
        (pairs.exists, moments.uniform(0, 0.5)),
        (has(tmp_path, validating), 0),
    ):
        before = answers(tmp_path)
        kill_when(reached, tmp_path, later=later)
        assert answers(tmp_path) >= before
    kept = answers(tmp_path)
    assert validating <= kept <= asked
    assert calls(run(tmp_path)) == asked - kept
    assert answers(tmp_path) == asked

    assert_same(tmp_path, expected)
    for weights in (expected / "data" / "models").rglob("*.safetensors"):
        assert (tmp_path / weights.relative_to(expected)).read_bytes() == weights.read_bytes()


def test_what_is_chosen_and_scored_is_the_same_to_the_bit(tmp_path: Path) -> None:
    """What is left to ask is asked in other company than it was to be."""
    expected, killed = tmp_path / "expected", tmp_path / "killed"
    told = run(expected, "p_true")
    asked = calls(told)
    kill_when(has(killed, asked / 2), killed, "p_true")
    kept = answers(killed)
    assert calls(run(killed, "p_true")) == asked - kept
    assert_same(killed, expected)
    digests = [
        json.loads((root / "data/datasets/p_true/versions/000001.json").read_text())["digest"]
        for root in (killed, expected)
    ]
    assert digests[0] == digests[1]


def test_a_killed_training_ends_in_the_same_weights(
    whole: tuple[Path, int, int], tmp_path: Path
) -> None:
    expected, killed = tmp_path / "expected", tmp_path / "killed"
    for root in (expected, killed):
        shutil.copytree(whole[0], root)
        model = root / "recipes" / "assistant" / "defs.yaml"
        model.parent.mkdir(parents=True)
        model.write_text(yaml.safe_dump({"type": "assets.Model", "attributes": ASSISTANT}))
    trained = [train(expected)]
    steps = killed / "data/models/assistant/000001/seed-0"
    kill_when(lambda: any(steps.rglob("checkpoint-[3-9]/complete")), killed, "assistant")
    trained.append(train(killed))
    uninterrupted, resumed = trained
    assert resumed.read_bytes() == uninterrupted.read_bytes()
    record = json.loads((resumed.parent / "training.json").read_text())
    assert record["resumed_from"] >= 3


def train(root: Path) -> Path:
    """Train the model to its end; its weights."""
    process = command(root, "assistant")
    process.join()
    assert process.exitcode == 0, (root / "printed.err").read_text()
    return root / "data/models/assistant/000001/seed-0/dpo/model.safetensors"


def assert_same(root: Path, expected: Path) -> None:
    """Every table of ``expected`` is under ``root``, equal to the bit."""
    tables = sorted((expected / "data" / "tables").rglob("*.parquet"))
    assert len(tables) > 6
    for table in tables:
        again = root / table.relative_to(expected)
        uninterrupted, resumed = (
            pl.read_parquet(file).drop(NOT_THE_SAME_TWICE, strict=False) for file in (table, again)
        )
        assert_frame_equal(resumed, uninterrupted, check_exact=True)


def test_the_same_command_again_asks_the_model_nothing(whole: tuple[Path, int, int]) -> None:
    root, _, _ = whole
    assert calls(run(root)) == 0
