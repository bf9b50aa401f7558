"""The estimated cost of a run, against what the run then asks."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets import Factory
from assets.costs.estimate import _spread
from assets.costs.plan import Plan
from assets.refresh import Outcome
from tests.assets.conftest import STAGES, Workshop, new_workshop

ROWS = 12
DAY = "2026-11-01"
PRICE = {"prompt": 1e6, "answer": 2e6, "currency": "EUR"}


@pytest.fixture
def priced(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A recipe whose policy has a price: 1 euro for a token that it reads, 2 for one it writes."""
    workshop = new_workshop(tmp_path, tiny_model, monkeypatch)
    workshop.recipe("priced", rows=ROWS)
    bound = {"model": str(tiny_model), "profile": "pocket", "price": PRICE}
    workshop.configure(roles=dict.fromkeys(("policy", "judge", "reward"), bound))
    return workshop


def asked(outcome: Outcome, stage: str) -> dict[str, Any]:
    """What a stage of a run asked of the policy."""
    cost: dict[str, Any] = outcome.stages[stage]["by_role"]["policy"]
    return cost


def plan(rows: int = ROWS, sample: int = 4) -> Plan:
    return Factory.open().plan("priced", refresh=DAY, rows=rows, sample=sample)


def test_a_run_asks_what_was_planned(priced: Workshop) -> None:
    planned = plan()
    outcome = priced.run("priced", DAY, ROWS)
    by_stage = {each.stage: each for each in planned.roles}
    assert set(by_stage) == {"responses", "validated"}
    for stage, each in by_stage.items():
        made = asked(outcome, stage)
        assert round(each.calls.value) == made["calls"]
        for name in ("prompt_tokens", "answer_tokens"):
            estimate = getattr(each, name)
            assert made[name] == pytest.approx(estimate.value, rel=0.2, abs=2 * estimate.error)
    assert not planned.unknown


def test_a_training_has_the_rows_and_steps_that_the_prompts_give(priced: Workshop) -> None:
    (training,) = plan(sample=ROWS).trainings
    priced.run("priced", DAY, ROWS)
    made = priced.project().tables.read(("priced", "policy"), DAY).row(0, named=True)
    assert (training.rows, training.steps) == (made["rows"], made["steps"])
    assert training.tokens > training.rows


def test_the_sample_is_paid_for_once(priced: Workshop) -> None:
    first, again = plan(), plan()
    # Two texts for each of 12 prompts, of which those of 4 are known.
    assert [each.journaled for each in first.roles if each.stage == "responses"] == [8]
    assert first.total("calls") == again.total("calls")
    assert plan(sample=ROWS).total("calls").value < first.total("calls").value


def test_after_a_run_all_answers_are_known(priced: Workshop) -> None:
    priced.run("priced", DAY, ROWS)
    planned = {each.stage: each for each in plan().roles}
    assert planned["responses"].calls.value == 0
    assert planned["responses"].journaled == 2 * ROWS
    # Those of the policy before its training.
    assert planned["validated"].journaled == 3


def test_a_price_is_of_what_is_not_known_yet(priced: Workshop) -> None:
    planned = plan()
    total = planned.total("prompt_tokens").value + 2 * planned.total("answer_tokens").value
    assert planned.paid["EUR"].value == pytest.approx(total)
    outcome = priced.run("priced", DAY, ROWS)
    made = asked(outcome, "responses")
    paid = outcome.stages["responses"]["prices"]["EUR"]
    assert paid == made["prompt_tokens"] + 2 * made["answer_tokens"]


def test_nothing_is_stored_and_nothing_trained(priced: Workshop) -> None:
    plan()
    project = priced.project()
    assert project.tables.refreshes(("priced", "responses")) == []
    assert project.tables.refreshes(("prompts", "pocket")) == []
    assert not (project.settings.models_path / "priced").exists()


def test_prompts_are_those_that_the_run_draws(priced: Workshop) -> None:
    priced.run("priced", DAY, ROWS)
    later = Factory.open().plan("priced", refresh="2026-11-02", rows=ROWS, sample=2)
    # Earlier refreshes took the prompts of the journal.
    assert {each.journaled for each in later.roles if each.stage == "responses"} == {4}


def test_a_head_that_is_not_trained_is_counted_and_not_journaled(priced: Workshop) -> None:
    stages = {
        "responses": STAGES["responses"],
        "pairs": STAGES["pairs"],
        "reward": {"use": "trainers.RewardModel", "of": "pairs"},
        "scores": {
            "use": "annotators.Reward",
            "of": "responses",
            "model": "policy",
            "checkpoint": "reward",
            "probes": "off",
        },
    }
    priced.recipe("priced", stages, rows=ROWS)
    planned = {each.stage: each for each in plan(sample=ROWS).roles}
    outcome = priced.run("priced", DAY, ROWS)
    made = asked(outcome, "scores")
    assert planned["scores"].calls.value == made["calls"] > 0
    assert planned["scores"].prompt_tokens.value == pytest.approx(made["prompt_tokens"], rel=0.05)


def test_a_blend_of_scores_is_counted_as_no_training(priced: Workshop) -> None:
    stages = {
        "responses": STAGES["responses"],
        "pairs": STAGES["pairs"],
        "likely": {"use": "annotators.Likelihood", "of": "responses"},
        "blend": {"use": "trainers.Blend", "of": "pairs", "by": ["likely"]},
        "scores": {
            "use": "annotators.Blended",
            "of": "responses",
            "by": ["likely"],
            "checkpoint": "blend",
        },
    }
    priced.recipe("priced", stages, rows=ROWS)
    planned = plan()
    assert not planned.trainings
    assert not planned.unknown
    outcome = priced.run("priced", DAY, ROWS)
    assert outcome.stages["scores"]["kept"] == outcome.stages["likely"]["kept"]


def test_a_stage_that_cannot_be_tried_is_named(priced: Workshop) -> None:
    stages = {**STAGES, "harness": {"use": "trainers.Harness", "of": "policy", "tasks": ["mmlu"]}}
    priced.recipe("priced", stages, rows=ROWS)
    assert set(plan().unknown) == {"harness"}


def test_a_sample_has_prompts_of_all_lengths() -> None:
    lengths = [50, 1, 30, 2, 40, 3, 20, 4]
    prompts = pl.DataFrame(
        {
            "prompt_id": [f"{number}" for number in range(len(lengths))],
            "messages": [[{"role": "user", "content": "x" * length}] for length in lengths],
        }
    )
    sample = _spread(prompts, 2)
    assert sorted(len(turns[0]["content"]) for turns in sample["messages"]) == [3, 40]
    assert _spread(prompts, 8).equals(prompts)
