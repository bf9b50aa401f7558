"""Downstream models that give rewards: validated on held-out rows, promoted or held back."""

from pathlib import Path
from typing import Any

import pytest

from tests.assets.conftest import Workshop, new_workshop
from tests.assets.models.test_models import PAIRS, VALIDATE

REWARD: dict[str, Any] = {
    "use": "trainers.RewardModel",
    "of": "datasets/pairs",
    "learning_rate": 1e-2,
    "epochs": 8,
}
ACCURACY = {"use": "trainers.RewardAccuracy", "of": "datasets/pairs"}
FIXED: dict[str, Any] = {
    "responses": PAIRS["responses"],
    "said": {"use": "generators.Fixed", "texts": ["xx"]},
    "pairs": {"use": "filters.Versus", "of": "said", "against": "responses"},
}
STEPWISE: dict[str, Any] = {
    "sampled": PAIRS["responses"],
    "responses": {"use": "generators.Segment", "of": "sampled"},
    "rolled": {"use": "annotators.RolloutValue", "of": "responses", "k": 1, "max_tokens": 4},
    "labels": {"use": "filters.LabelSteps", "of": "responses", "by": "rolled", "rule": "hard"},
}


@pytest.fixture
def factory(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    workshop = new_workshop(tmp_path, tiny_model, monkeypatch)
    workshop.recipe("made", FIXED, rows=40)
    workshop.dataset("pairs", of=["made"], held_out=0.3, deduplicate=None)
    return workshop


def test_a_reward_model_is_promoted_or_held_back_by_what_it_ranks(factory: Workshop) -> None:
    factory.run("made", "2026-11-01")
    validate = {"held_out": ACCURACY}
    factory.model("ranker", train={"reward": REWARD}, validate=validate)
    version = factory.train("ranker")
    figures = version.figures["held_out"]
    assert (figures["by"], figures["before"]) == ("rewards", 0.5)
    assert figures["low"] > 0
    assert version.promoted
    contrary = REWARD | {"use": "tests.assets.models.recorded.Contrary"}
    factory.model("ranker", train={"reward": contrary}, validate=validate)
    worse = factory.train("ranker")
    assert not worse.promoted
    assert "held_out: chosen side rewarded more in 50.0% →" in str(worse.reason)


def test_a_process_reward_model_is_validated_on_held_out_steps(factory: Workshop) -> None:
    factory.recipe("stepped", STEPWISE, rows=12)
    factory.dataset("steps", of=["stepped/labels"], held_out=0.3, deduplicate=None)
    factory.run("stepped", "2026-11-01")
    prm = REWARD | {"use": "trainers.PRM", "of": "datasets/steps"}
    held_out = {"use": "trainers.StepAccuracy", "of": "datasets/steps"}
    factory.model("stepwise", train={"prm": prm}, validate={"held_out": held_out})
    version = factory.train("stepwise")
    figures = version.figures["held_out"]
    assert (figures["by"], figures["before"]) == ("steps", 0.5)
    assert figures["low"] <= figures["difference"] <= figures["high"]
    assert version.promoted is not None


@pytest.mark.parametrize(
    ("train", "validate", "says"),
    [
        (REWARD, VALIDATE, "trainers.RewardAccuracy"),
        (REWARD | {"use": "trainers.DPO"}, ACCURACY, "trainers.PreferenceAccuracy"),
    ],
)
def test_what_cannot_measure_a_model_is_refused(
    train: dict[str, Any], validate: dict[str, Any], says: str, factory: Workshop
) -> None:
    factory.model("ranker", train={"last": train}, validate={"measured": validate})
    refusal = str(factory.project().models.refused["ranker"])
    assert "measured" in refusal
    assert says in refusal
