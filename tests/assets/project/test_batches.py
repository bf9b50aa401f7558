"""Stages that are made for each batch of a trainer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assets.config.errors import RecipeError
from assets.execution.execute_stage import with_batch
from assets.project.changes import declared_changes
from assets.project.recipe_plan import Stage, plan, policy_stage
from assets.refresh import _configured
from engines.bindings import Binding
from engines.context import Context
from engines.operators.model_defaults import RoleDefaults
from engines.profiles import SHIPPED
from schemas import Checkpoints, rows

ROLES = {
    role: RoleDefaults(role, Binding(model="m"), SHIPPED["chat"]) for role in ("policy", "reward")
}
GRADIENT = {"use": "trainers.PolicyGradient", "of": "responses", "rewards": {"scores": 1.0}}
LOOP: dict[str, Any] = {
    "sampled": {"use": "generators.Sample", "n": 4},
    "responses": {"use": "generators.Segment", "of": "sampled"},
    "scores": {"use": "annotators.Verifier"},
    "policy": GRADIENT | {"batches": 3},
    "validated": {"use": "trainers.Validate", "of": "policy"},
}


def planned(stages: Mapping[str, Any]) -> dict[str, Stage]:
    return {stage.name: stage for stage in plan(stages, file="f", roles=ROLES)}


def test_each_batch_has_stages_of_its_own_on_its_fold_of_the_prompts() -> None:
    stages = planned(LOOP)
    assert list(stages) == [
        *(f"{name}_1" for name in ("prompts", "sampled", "responses", "scores", "policy")),
        *(f"{name}_2" for name in ("prompts", "sampled", "responses", "scores", "policy")),
        *(f"{name}_3" for name in ("prompts", "sampled", "responses", "scores")),
        "policy",
        "validated",
    ]
    assert stages["scores_2"].operator.inputs() != stages["scores_1"].operator.inputs()
    assert {"responses_2", "prompts_2"} <= set(stages["scores_2"].reads)
    assert dict(stages["policy_2"].operator.rewards) == {"scores_2": 1.0}  # type: ignore[attr-defined]
    assert [stages[f"prompts_{n}"].operator.fold for n in (1, 2, 3)] == [1, 2, 3]  # type: ignore[attr-defined]
    assert stages["validated"].reads == ("policy", "held_out")
    trains = policy_stage(list(stages.values()))
    assert trains is not None
    assert trains.name == "policy"


def test_a_later_batch_samples_and_goes_on_from_the_policy_of_the_one_before() -> None:
    stages = planned(LOOP)
    assert stages["sampled_1"].weights == stages["scores_2"].weights == {}
    assert stages["sampled_3"].weights == {"policy": "policy_2"}
    assert "policy_2" in stages["sampled_3"].reads
    found = {
        name: stages[name].operator.model_dump() for name in ("policy_1", "policy_2", "policy")
    }
    assert [each["checkpoint"] for each in found.values()] == [None, "policy_1", "policy_2"]
    assert [each["reference"] for each in found.values()] == [None, "policy_1", "policy_1"]
    assert {each["batches"] for each in found.values()} == {1}


def test_what_does_not_read_the_responses_is_made_once() -> None:
    learnt = {
        "taught": {"use": "generators.Sample"},
        "pairs": {"use": "filters.RandomPairs", "of": "taught"},
        "reward": {"use": "trainers.RewardModel", "of": "pairs"},
        "demonstrations": {"use": "filters.Imitate", "of": "taught"},
        "tuned": {"use": "trainers.SFT", "of": "demonstrations"},
        "sampled": {"use": "generators.Sample", "n": 4, "checkpoint": "tuned"},
        "scores": {"use": "annotators.Reward", "of": "sampled", "checkpoint": "reward"},
        "policy": GRADIENT | {"of": "sampled", "checkpoint": "tuned", "batches": 2},
    }
    stages = planned(learnt)
    assert {"taught", "pairs", "reward", "tuned"} < stages.keys()
    assert stages["scores_2"].operator.checkpoint == "reward"  # type: ignore[attr-defined]
    assert stages["sampled_1"].operator.checkpoint == "tuned"  # type: ignore[attr-defined]
    assert stages["sampled_2"].operator.checkpoint == "policy_1"  # type: ignore[attr-defined]
    assert stages["policy"].operator.checkpoint == "policy_1"  # type: ignore[attr-defined]


def test_two_trainers_may_have_batches_of_responses_of_their_own() -> None:
    other = {
        "others": {"use": "generators.Sample", "n": 4},
        "judged": {"use": "annotators.Verifier", "of": "others"},
        "arm": GRADIENT | {"of": "others", "rewards": {"judged": 1.0}, "batches": 3},
    }
    stages = planned({**other, **LOOP})
    assert {"others_3", "responses_3", "arm", "policy", "prompts_3"} < stages.keys()
    with pytest.raises(RecipeError, match="responses of its own"):
        planned({**LOOP, "arm": GRADIENT | {"batches": 3}})


def test_one_batch_changes_nothing() -> None:
    one = {**LOOP, "policy": GRADIENT}
    assert planned({**LOOP, "policy": GRADIENT | {"batches": 1}}) == planned(one)
    assert list(planned(one)) == list(one)


def test_a_stage_of_a_batch_is_named_when_another_reads_what_is_made_for_each() -> None:
    with pytest.raises(RecipeError, match="no stage 'scores'; did you mean 'scores_3'"):
        planned({**LOOP, "best": {"use": "filters.Best", "of": "responses_1", "by": "scores"}})


def test_responses_of_a_batch_are_those_of_the_role_to_prompts_of_one_stage() -> None:
    loop = {"scores": {"use": "annotators.Verifier"}, "policy": GRADIENT | {"batches": 2}}
    imported = {"use": "generators.ImportedResponses", "dataset": "d"}
    with pytest.raises(RecipeError, match="none ask the role 'policy'"):
        planned({"responses": imported, **loop})
    two = {
        "first": {"use": "filters.Fold", "of": "prompts", "fold": 1},
        "one": {"use": "generators.Sample", "of": "first"},
        "both": {"use": "generators.Sample"},
        "responses": {"use": "filters.Union", "of": ["one", "both"]},
    }
    with pytest.raises(RecipeError, match="the responses answer first and prompts"):
        planned({**two, **loop})


def test_a_later_batch_asks_the_weights_that_the_one_before_has_trained(tmp_path: Path) -> None:
    stages = planned(LOOP)
    row = {"path": "/trained", "start": "m", "trained": True, "metrics": "{}"}
    checkpoint = rows(Checkpoints, [row | {"rows": 1, "steps": 1, "seconds": 1.0}])
    context = Context(
        recipe="r",
        stage="s",
        refresh="2026-11-01",
        roles={"policy": Binding(model="m")},
        journal=tmp_path / "journal.sqlite",
        models=tmp_path / "models",
    )
    later = with_batch(stages["sampled_2"], {"policy_1": checkpoint}, context)
    assert later.roles["policy"].model == "/trained"
    assert with_batch(stages["sampled_1"], {}, context) is context


def test_a_run_sets_a_parameter_in_each_batch_or_in_one() -> None:
    stages = list(planned(LOOP).values())
    every = _configured(stages, {"sampled.n": 2}, None)
    assert every == {f"sampled_{n}": {"set": {"n": 2}} for n in (1, 2, 3)}
    assert _configured(stages, {"policy_2.seed": 1}, None) == {"policy_2": {"set": {"seed": 1}}}
    assert declared_changes(stages, {"policy_2.seed": 1, "policy.beta": 0.1}) == {
        "policy.seed": 1,
        "policy.beta": 0.1,
    }
