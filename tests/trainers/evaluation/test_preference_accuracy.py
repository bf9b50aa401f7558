"""Held-out pairs scored by a policy and by its start, and the figures of these log-probs."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engines.context import Context
from schemas import Checkpoints, PairEvaluations, rows
from trainers import DPO, PreferenceAccuracy
from trainers.evaluation.metrics import summary

OPERATOR = PreferenceAccuracy(of="policy", pairs="pairs")


def checkpoint(path: str, start: str) -> pl.DataFrame:
    row = {
        "path": path,
        "start": start,
        "trained": path != start,
        "reason": None,
        "rows": 1,
        "steps": 1,
        "seconds": 0.0,
        "metrics": "{}",
    }
    return rows(Checkpoints, [row])


def test_training_makes_chosen_sides_more_likely(
    context_for: Callable[..., Context], pairs: Callable[..., pl.DataFrame], tiny_model: Path
) -> None:
    trainer = DPO(of="pairs", learning_rate=1e-2, epochs=10, batch_size=4)
    trained = trainer.run({"pairs": pairs()}, context_for()).kept
    tables = {"policy": trained, "pairs": pairs()}
    split = OPERATOR.run(tables, context_for(stage="measured"))
    assert split.kept.height == 12
    figures = summary(split.kept)
    assert figures["by"] == "pairs"
    assert figures["after"] > figures["before"]
    assert figures["reward_accuracy"]["mean"] == 1
    assert figures["reward_margin"]["low"] > 0
    # Answers are journaled.
    again = OPERATOR.run(tables, context_for(stage="measured"))
    assert again.report.usage.model_calls == 0


def test_an_untrained_policy_is_its_start(
    context_for: Callable[..., Context], pairs: Callable[..., pl.DataFrame], tiny_model: Path
) -> None:
    tables = {"policy": checkpoint(str(tiny_model), str(tiny_model)), "pairs": pairs(3)}
    found = OPERATOR.run(tables, context_for())
    assert found.report.usage.model_calls == 6
    figures = summary(found.kept)
    assert (figures["difference"], figures["low"], figures["high"]) == (0, 0, 0)
    assert figures["reward_accuracy"]["mean"] == 0.5


def test_a_pair_of_conversations_is_dropped(
    context_for: Callable[..., Context], pairs: Callable[..., pl.DataFrame], tiny_model: Path
) -> None:
    two = [{"role": "assistant", "content": "1"}, {"role": "user", "content": "2"}]
    rows_of = pairs(2).to_dicts()
    rows_of[0]["chosen"] = two
    frame = pl.DataFrame(rows_of, schema=pairs(2).schema)
    tables = {"policy": checkpoint(str(tiny_model), str(tiny_model)), "pairs": frame}
    split = OPERATOR.run(tables, context_for())
    assert split.kept["pair_id"].to_list() == ["pair-001"]
    assert split.dropped["row_id"].to_list() == ["pair-000"]


def evaluated(**columns: Any) -> pl.DataFrame:
    count = len(columns["chosen_after"])
    given = {
        "pair_id": [f"pair-{n}" for n in range(count)],
        "prompt_id": [f"prompt-{n}" for n in range(count)],
        "chosen_tokens": [1] * count,
        "rejected_tokens": [1] * count,
    }
    frame = pl.DataFrame(given | columns)
    return rows(PairEvaluations, frame.to_dicts())


def test_figures_by_hand() -> None:
    figures = summary(
        evaluated(
            chosen_before=[-4.0, -6.0],
            rejected_before=[-2.0, -2.0],
            chosen_after=[-3.0, -3.0],
            rejected_after=[-4.0, -2.5],
            chosen_tokens=[1, 3],
        )
    )
    # Per token: -4 < -2 and -2 = -2 before; -3 > -4 and -1 > -2.5 after.
    assert (figures["before"], figures["after"]) == (0.25, 1.0)
    # By the sum: -4 < -2 and -6 < -2 before; -3 > -4 and -3 < -2.5 after.
    assert (figures["by_sum"]["before"], figures["by_sum"]["after"]) == (0.0, 0.5)
    assert figures["reward_accuracy"]["mean"] == 1.0
    assert figures["reward_margin"]["mean"] == pytest.approx((3.0 + 3.5) / 2)
    assert figures["chosen"]["difference"] == pytest.approx(2.0)
    assert figures["rejected"]["difference"] == pytest.approx(-1.25)


def test_pairs_of_one_prompt_are_drawn_together() -> None:
    count = 40
    columns = {
        "chosen_before": [-2.0] * count,
        "rejected_before": [-1.0] * count,
        "chosen_after": [-0.5 if n < count // 2 else -2.0 for n in range(count)],
        "rejected_after": [-1.0] * count,
    }
    apart = summary(evaluated(**columns))
    together = summary(
        evaluated(**columns, prompt_id=["a" if n < count // 2 else "b" for n in range(count)])
    )
    assert apart["difference"] == together["difference"] == 0.5
    assert (together["low"], together["high"]) == (0.0, 1.0)
    assert math.isclose(apart["high"] - apart["low"], 0.3, abs_tol=0.05)
