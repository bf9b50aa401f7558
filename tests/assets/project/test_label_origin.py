"""Labels are called true by construction where the check that tells the truth made them."""

from typing import Any

import pytest

from assets.project.label_origin import label_origin
from assets.project.recipe_plan import plan
from engines.bindings import Binding
from engines.operators.model_defaults import RoleDefaults
from engines.profiles import SHIPPED
from schemas import Pairs, empty, rows

ROLES = {
    name: RoleDefaults(name, Binding(model="m"), SHIPPED["chat"])
    for name in ("policy", "judge", "reward")
}
CHECKS = {"mine": "engines.checks.math"}
SAMPLED: dict[str, Any] = {
    "sampled": {"use": "generators.Sample"},
    "responses": {"use": "generators.Segment", "of": "sampled"},
}
PAIRED = {"use": "filters.BestWorst", "of": "responses", "by": "scores"}
SIMULATED = {"use": "annotators.Simulated", "of": "responses", "personas": {"right": "check"}}
VERIFIED = {"use": "annotators.Verifier", "of": "responses"}


def origin(of: str, stages: dict[str, Any], *, ends: bool = True) -> str | None:
    planned = plan(SAMPLED | stages, file="defs.yaml", roles=ROLES)
    stage = next(each for each in planned if each.name == of)
    given = empty(stage.gives)
    if stage.gives is Pairs:
        said = [{"role": "assistant", "content": side} for side in ("a", "b")]
        about = {"pair_id": "1", "prompt_id": "1", "prompt": [{"role": "user", "content": "?"}]}
        sides = {"chosen": said[:1], "rejected": said[1:], "chosen_id": "a", "rejected_id": "b"}
        ended = {"chosen": ends, "rejected": True}
        given = rows(Pairs, [about | sides | {"weight": 1.0, "ends": ended}])
    found = label_origin(stage, planned, given, CHECKS)
    return None if found is None else found.by


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (VERIFIED, "construction"),
        (VERIFIED | {"check": "engines.checks.math"}, "construction"),
        (VERIFIED | {"check": "engines.checks.gsm8k"}, None),
        ({"use": "annotators.RolloutValue", "of": "responses", "steps": "last"}, "rollouts"),
        ({"use": "annotators.Judge", "of": "responses"}, None),
        (SIMULATED, "construction"),
        (SIMULATED | {"flips": 0.25}, None),
        (SIMULATED | {"noise": 0.1}, None),
    ],
)
def test_pairs_have_the_origin_of_their_scores(scores: dict[str, Any], expected: str) -> None:
    assert origin("pairs", {"scores": scores, "pairs": PAIRED}) == expected


def test_a_check_beside_the_labels_did_not_make_them() -> None:
    judged = {"use": "annotators.Judge", "of": "responses"}
    assert origin("pairs", {"scores": judged, "pairs": PAIRED, "truth": VERIFIED}) is None


def test_labels_by_a_model_that_learned_from_checked_pairs_are_its_own() -> None:
    stages = {
        "truth": VERIFIED,
        "checked": PAIRED | {"by": "truth"},
        "reward": {"use": "trainers.RewardModel", "of": "checked", "start": "policy"},
        "scores": {"use": "annotators.Reward", "of": "responses", "checkpoint": "reward"},
        "pairs": PAIRED,
    }
    assert origin("checked", stages) == "construction"
    assert origin("pairs", stages) is None


def test_pairs_of_steps_are_labelled_by_how_they_are_continued() -> None:
    assert origin("pairs", {"scores": VERIFIED, "pairs": PAIRED}, ends=False) == "rollouts"


@pytest.mark.parametrize(
    ("values", "expected"),
    [("annotators.StepVerifier", "construction"), ("annotators.RolloutValue", "rollouts")],
)
def test_step_labels_have_the_origin_of_their_values(values: str, expected: str) -> None:
    rule = "first_error" if "Verifier" in values else "hard"
    labels = {"use": "filters.LabelSteps", "of": "responses", "by": "values", "rule": rule}
    stages = {"values": {"use": values, "of": "responses"}, "labels": labels}
    assert origin("labels", stages) == expected
