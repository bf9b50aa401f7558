"""A task of a local file, run by the LM Evaluation Harness on a policy and on its start."""

import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engines.context import Context
from engines.protocol import EngineError
from schemas import Checkpoints, TaskEvaluations, rows
from tests.harness_task import write_sums
from trainers import DPO, Harness
from trainers.evaluation.metrics import regressed, summary
from trainers.evaluation.sentences import described


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    return write_sums(tmp_path / "tasks")


def untrained(path: Path) -> pl.DataFrame:
    numbers = {"rows": 0, "steps": 0, "seconds": 0.0, "metrics": "{}"}
    row = {"path": str(path), "start": str(path), "trained": False, "reason": "no pairs"}
    return rows(Checkpoints, [row | numbers])


def test_a_task_of_a_local_file(
    context_for: Callable[..., Context],
    pairs: Callable[..., pl.DataFrame],
    sums: Path,
) -> None:
    pytest.importorskip("lm_eval")
    trainer = DPO(of="pairs", learning_rate=1e-2, epochs=10, batch_size=4)
    trained = trainer.run({"pairs": pairs()}, context_for()).kept
    harness = Harness(of="policy", tasks=["sums"], include="tasks")
    split = harness.run({"policy": trained}, context_for(stage="tasks", folder=sums.parent))
    assert split.kept["item_id"].to_list() == [f"sums/{n}" for n in range(6)]
    assert split.kept["after"].to_list() == [1.0] * 6
    figures = summary(split.kept)
    assert figures["tasks"]["sums"]["metric"] == "acc"
    assert figures["after"] == 1.0
    assert not regressed(figures)
    assert "mean of sums" in described(figures)


def test_an_unknown_task_or_metric_is_told(
    context_for: Callable[..., Context], tiny_model: Path, sums: Path
) -> None:
    pytest.importorskip("lm_eval")
    tables, context = {"policy": untrained(tiny_model)}, context_for(folder=sums.parent)
    with pytest.raises(EngineError, match="products"):
        Harness(of="policy", tasks=["products"], include="tasks").run(tables, context)
    with pytest.raises(EngineError, match="it has acc"):
        Harness(of="policy", tasks=["sums"], include="tasks", metric="f1").run(tables, context)


def test_without_the_harness_the_error_says_what_to_install(
    context_for: Callable[..., Context], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(EngineError, match=r"preference-factory\[harness\]"):
        Harness(of="policy", tasks=["sums"]).run({"policy": untrained(tiny_model)}, context_for())


def test_each_task_has_the_same_weight() -> None:
    def items(task: str, before: list[float], after: list[float]) -> list[dict[str, object]]:
        return [
            {"item_id": f"{task}/{n}", "task": task, "metric": "acc", "before": b, "after": a}
            for n, (b, a) in enumerate(zip(before, after, strict=True))
        ]

    figures = summary(
        rows(
            TaskEvaluations, [*items("one", [0.0] * 2, [1.0] * 2), *items("two", [1] * 8, [1] * 8)]
        )
    )
    assert (figures["before"], figures["after"], figures["difference"]) == (0.5, 1.0, 0.5)
    # No item differs from the others of its task, so there is no error.
    assert (figures["low"], figures["high"]) == (0.5, 0.5)
    unsure = summary(rows(TaskEvaluations, items("one", [0.0, 1.0], [1.0, 0.0])))
    # Differences of 1 and -1: variance 2, standard error 1.
    assert unsure["high"] == pytest.approx(1.96, abs=1e-3)
