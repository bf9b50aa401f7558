"""Labelled steps rewarded by a process reward model and by its start, and their figures."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from engines.context import Context
from schemas import StepEvaluations, rows
from trainers import PRM, StepAccuracy, ValueHead
from trainers.evaluation.metrics import regressed, summary
from trainers.evaluation.outcomes import outcomes
from trainers.evaluation.sentences import described

PARAMETERS: dict[str, Any] = {"of": "labels", "start": "policy", "epochs": 20}
OPERATOR = StepAccuracy(of="prm", steps="labels")


@pytest.mark.parametrize(
    "trainer", [PRM(learning_rate=1e-2, **PARAMETERS), ValueHead(learning_rate=1e-2, **PARAMETERS)]
)
def test_training_tells_right_steps_from_wrong_ones(
    trainer: Any, context_for: Callable[..., Context], labelled: Callable[..., pl.DataFrame]
) -> None:
    trained = trainer.run({"labels": labelled()}, context_for()).kept
    tables = {"prm": trained, "labels": labelled()}
    split = OPERATOR.run(tables, context_for(stage="measured"))
    assert split.kept.height == 12
    figures = summary(split.kept)
    assert figures["before"] == 0.5
    assert figures["after"] > 0.9
    assert figures["low"] > 0
    assert figures["first_error"]["f1"] > 0.9
    assert "F1 of first errors" in described(figures)
    again = OPERATOR.run(tables, context_for(stage="measured"))
    assert again.report.usage.model_calls == 0


def solutions(*found: tuple[list[bool | None], list[float]]) -> pl.DataFrame:
    return rows(
        StepEvaluations,
        [
            {
                "response_id": f"response-{n}",
                "prompt_id": f"prompt-{n}",
                "labels": labels,
                "before": [0.5] * len(labels),
                "after": rewards,
                "threshold": 0.5,
            }
            for n, (labels, rewards) in enumerate(found)
        ],
    )


def test_figures_by_hand() -> None:
    frame = solutions(
        ([True, True, True, True], [0.9, 0.8, 0.7, 0.4]),  # three of four; an error is found
        ([True, False, None], [0.9, 0.1, 0.1]),  # the first error is the second step
        ([False], [0.9]),  # not found
        ([True, None, True], [0.9, 0.9, 0.9]),  # whether its second step is right is not known
    )
    figures = summary(frame)
    right, wrong = 6 / 7, 1 / 2
    assert figures["steps"] == 9
    assert figures["before"] == pytest.approx(0.5)
    assert figures["after"] == pytest.approx((right + wrong) / 2)
    assert figures["accuracy"]["after"] == pytest.approx(7 / 9)
    assert (figures["first_error"]["erroneous"], figures["first_error"]["correct"]) == (0.5, 0.0)
    by, per_prompt = outcomes(frame)[""]
    assert by == "steps"
    assert per_prompt["after"].sum() / per_prompt["count"].sum() == pytest.approx(figures["after"])


def test_a_model_that_calls_every_step_right_is_no_better_than_its_start() -> None:
    frame = solutions(*[([True, True, False], [0.9, 0.9, 0.9])] * 20)
    figures = summary(frame)
    assert (figures["before"], figures["after"]) == pytest.approx((0.5, 0.5))
    assert figures["first_error"] is None
    turned = summary(frame.with_columns(after=pl.lit([0.1, 0.1, 0.9])))
    assert regressed(turned)
