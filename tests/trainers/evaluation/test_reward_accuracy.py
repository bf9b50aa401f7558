"""Held-out pairs rewarded by a reward model and by its start, and the figures of these rewards."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from engines.context import Context
from schemas import RewardEvaluations, rows
from trainers import PRM, RewardAccuracy, RewardModel
from trainers.evaluation.metrics import regressed, summary
from trainers.evaluation.outcomes import outcomes
from trainers.evaluation.sentences import described

PAIRS = Callable[..., pl.DataFrame]
OPERATOR = RewardAccuracy(of="reward", pairs="pairs")
PAIRWISE = PRM(of="pairs", start="policy", loss="pairwise", learning_rate=1e-2, epochs=10)


@pytest.mark.parametrize(
    "trainer", [RewardModel(of="pairs", learning_rate=1e-2, epochs=10), PAIRWISE]
)
def test_training_makes_chosen_sides_rewarded_more(
    trainer: Any, context_for: Callable[..., Context], pairs: PAIRS
) -> None:
    trained = trainer.run({"pairs": pairs()}, context_for()).kept
    tables = {"reward": trained, "pairs": pairs()}
    split = OPERATOR.run(tables, context_for(stage="measured"))
    figures = summary(split.kept)
    # The start has no head, so every pair is a tie.
    assert figures["before"] == 0.5
    assert figures["after"] > 0.9
    assert figures["low"] > 0
    assert figures["reward_margin"]["low"] > 0
    assert "95 % interval" in described(figures)
    again = OPERATOR.run(tables, context_for(stage="measured"))
    assert again.report.usage.model_calls == 0
    # A reward model that starts from another one is compared with it.
    from_it = trained.with_columns(start=trained["path"])
    assert summary(OPERATOR.run(tables | {"reward": from_it}, context_for()).kept)["before"] > 0.9


def test_a_reward_model_that_prefers_what_was_rejected_is_worse() -> None:
    frame = rows(
        RewardEvaluations,
        [
            {
                "pair_id": str(n),
                "prompt_id": str(n // 2),
                "chosen_before": 0.0,
                "rejected_before": 0.0,
                "chosen_after": -1.0 if n else 1.0,
                "rejected_after": 0.0,
            }
            for n in range(20)
        ],
    )
    figures = summary(frame)
    assert (figures["before"], figures["after"]) == (0.5, 0.05)
    assert figures["reward_margin"]["mean"] == pytest.approx(-0.9)
    assert regressed(figures)
    by, per_prompt = outcomes(frame)[""]
    assert by == "rewards"
    assert per_prompt["after"].sum() / per_prompt["count"].sum() == pytest.approx(0.05)
