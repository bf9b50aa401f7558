"""Recipes that cannot work are refused, with the stage and the field named."""

import json
from pathlib import Path
from typing import Any

import pytest

from assets.config.errors import RecipeError, UnfitError
from assets.project.exported_stage import exported_stage, with_exported
from assets.project.recipe_plan import plan
from assets.project.role_check import check_roles
from engines.bindings import Binding
from engines.operators.model_defaults import RoleDefaults
from engines.profiles import SHIPPED
from filters import BestWorst
from schemas import Pairs, Responses

BOUND = {
    "policy": Binding(model="m"),
    "served": Binding(engine="openai", url="http://x/v1", served_as="x"),
}
ROLES = {role: RoleDefaults(role, bound, SHIPPED["chat"]) for role, bound in BOUND.items()}
SAMPLE = {"use": "generators.Sample"}
REWARD = {"use": "trainers.RewardModel", "of": "p"}
DPO = {"use": "trainers.DPO", "of": "p"}
PAIRS = {"use": "filters.RandomPairs", "of": "responses"}
SCORES = {"use": "annotators.Likelihood", "of": "responses"}
BLEND = {"use": "trainers.Blend", "of": "p", "by": ["s"]}
VALIDATE = {"use": "trainers.Validate"}


def test_stages_run_after_those_they_read_and_otherwise_as_written() -> None:
    stages = plan({"pairs": PAIRS, "responses": SAMPLE}, file="f", roles=ROLES)
    assert [(stage.name, stage.gives) for stage in stages] == [
        ("responses", Responses),
        ("pairs", Pairs),
    ]
    assert stages[1].reads == ("responses", "prompts")
    written = {"b": SAMPLE, "a": SAMPLE, "pairs": PAIRS | {"of": "b"}}
    assert [stage.name for stage in plan(written, file="f", roles=ROLES)] == ["b", "a", "pairs"]


@pytest.mark.parametrize(
    ("stages", "stage", "field", "told"),
    [
        ({}, None, "stages", "at least one stage"),
        ({"a": {"use": "generators.Nothing"}}, "a", "use", "generators.Nothing"),
        ({"a": {"use": "schemas.Prompts"}}, "a", "use", "is not an operator"),
        ({"a": {"n": 3}}, "a", "use", "'use' is missing"),
        ({"a": "generators.Sample"}, "a", None, "a stage is a mapping"),
        ({"a": SAMPLE | {"temprature": 1}}, "a", "temprature", "did you mean 'temperature'"),
        ({"a": {"use": "filters.RandomPairs", "off": "b"}}, "a", "off", "did you mean 'of'"),
        ({"a": SAMPLE | {"n": 0}}, "a", "n", "must be 1 or more; it is 0"),
        ({"a": {"use": "filters.RandomPairs"}}, "a", "of", "this parameter is missing"),
        ({"responses": SAMPLE, "p": PAIRS | {"of": "response"}}, "p", "of", "did you mean"),
        (
            {"responses": SAMPLE, "p": PAIRS, "q": PAIRS | {"of": "p"}},
            "q",
            "of",
            "takes Responses, but stage 'p' gives Pairs; stages that give it: responses",
        ),
        ({"a": PAIRS | {"of": "a"}}, "a", "of", "stages wait for each other: 'a' reads 'a'"),
        ({"prompts": SAMPLE}, "prompts", None, "this name is taken"),
        ({"a-b": SAMPLE}, "a-b", None, "letters, digits and _"),
        ({"a": SAMPLE | {"model": "judge"}}, "a", "model", "no model is bound to role 'judge'"),
        ({"a": SAMPLE | {"model": "policy@last"}}, "a", "model", "there is no role 'policy@last'"),
        (
            {"responses": SAMPLE, "p": PAIRS, "r": REWARD, "d": DPO | {"checkpoint": "r"}},
            *("d", "checkpoint", "takes a language model, but stage 'r' trains a reward model"),
        ),
        (
            {"responses": SAMPLE, "p": PAIRS, "s": SCORES, "b": BLEND, "v": VALIDATE | {"of": "b"}},
            *("v", "of", "takes a language model, but stage 'b' trains a blend of scores"),
        ),
        (
            {"responses": SAMPLE, "p": PAIRS, "r": REWARD, "v": VALIDATE | {"of": "r"}},
            *("v", "of", "takes a language model, but stage 'r' trains a reward model"),
        ),
        (
            {
                "responses": SAMPLE,
                "p": PAIRS,
                "c": DPO,
                "d": REWARD | {"start": "other"} | {"checkpoint": "c"},
            },
            *("d", "checkpoint", "its checkpoint is of the role 'policy': set start: policy"),
        ),
        (
            {"a": SAMPLE | {"model": "served", "max_thinking_tokens": 9}},
            *("a", "max_thinking_tokens", "thinking_token_budget"),
        ),
        (
            {
                "a": {
                    "use": "generators.TreeSearch",
                    "model": "served",
                    "proposer": {"max_thinking_tokens": 9},
                }
            },
            *("a", "proposer.max_thinking_tokens", "thinking_token_budget"),
        ),
        ({"a": SAMPLE | {"model": "served@initial"}}, "a", "model", "no other role has earlier"),
        (
            {
                "responses": SAMPLE,
                "s": {"use": "annotators.Likelihood", "of": "responses", "model": "served"},
            },
            "s",
            "model",
            "Likelihood asks the role 'served' to score, which its engine 'openai'",
        ),
        (
            {
                "responses": SAMPLE,
                "s": {"use": "annotators.DensityRatio", "strong": "served", "weak": "policy"},
            },
            "s",
            "strong",
            "to score, which its engine 'openai' ('x' at http://x/v1) does not: add weights",
        ),
        (
            {
                "responses": SAMPLE,
                "p": PAIRS,
                "t": {"use": "trainers.DPO", "of": "p", "start": "served"},
            },
            "t",
            "start",
            "DPO asks the role 'served' to be trained, which takes its weights",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    stages: dict[str, Any], stage: str | None, field: str | None, told: str
) -> None:
    with pytest.raises(RecipeError) as error:
        check_roles(
            plan(stages, file="recipes/x/defs.yaml", roles=ROLES),
            ROLES,
            file="recipes/x/defs.yaml",
        )
    assert (error.value.stage, error.value.field) == (stage, field)
    assert told in str(error.value)
    assert str(error.value).startswith("recipes/x/defs.yaml")


def test_earlier_policies_need_no_binding_of_their_own() -> None:
    stages = plan({"a": SAMPLE | {"model": "policy@previous"}}, file="f", roles=ROLES)
    check_roles(stages, ROLES, file="f")


def test_the_floor_of_a_margin_is_that_of_the_model_whose_choices_are_the_scores() -> None:
    roles = {
        "judge": RoleDefaults("judge", Binding(model="m"), SHIPPED["chat"]),
        "policy": RoleDefaults("policy", Binding(model="m"), SHIPPED["pocket"]),
    }
    best = {"use": "filters.BestWorst", "of": "responses"}
    scorers = {
        "graded": {"use": "annotators.Judge", "of": "responses"},
        "sure": {"use": "annotators.PTrue", "of": "responses"},
        "likely": {"use": "annotators.Likelihood", "of": "responses"},
        "mean": {"use": "filters.CombineScores", "of": ["graded"], "rule": "mean"},
        "mixed": {"use": "filters.CombineScores", "of": ["graded", "likely"], "rule": "mean"},
    }
    pairs = {f"by_{name}": best | {"by": name} for name in scorers}
    stages = plan({"responses": SAMPLE, **scorers, **pairs}, file="f", roles=roles)
    floors = {
        stage.name: stage.operator.min_standard_margin
        for stage in stages
        if isinstance(stage.operator, BestWorst)
    }
    expected = SHIPPED["chat"].min_standard_margin
    assert expected is not None
    assert floors == {
        "by_graded": expected,
        "by_sure": 0.0,
        "by_likely": 0.0,
        "by_mean": expected,
        "by_mixed": 0.0,
    }
    (origin,) = [stage.origins for stage in stages if stage.name == "by_graded"]
    assert origin["min_standard_margin"] == "profile chat"


def test_what_a_recipe_makes_is_not_what_it_is_measured_on() -> None:
    pairs = {"use": "filters.BestWorst", "of": "responses", "by": "scores"}
    scores = {"use": "annotators.Likelihood", "of": "responses"}
    stages = {"responses": SAMPLE, "scores": scores, "pairs": pairs}
    stages |= {
        "unseen": SAMPLE | {"of": "held_out"},
        "unseen_scores": scores | {"of": "unseen", "prompts": "held_out"},
        "unseen_pairs": pairs | {"of": "unseen", "by": "unseen_scores", "prompts": "held_out"},
    }
    made = exported_stage(plan(stages, file="f", roles=ROLES))
    assert made is not None
    assert made.name == "pairs"


def test_a_recipe_may_name_what_it_makes() -> None:
    """Of several such stages the last may be a control."""
    stages = plan({"responses": SAMPLE, "pairs": PAIRS, "random": PAIRS}, file="f", roles=ROLES)
    made = [exported_stage(stages), exported_stage(with_exported(stages, "pairs", file="f"))]
    assert [each and each.name for each in made] == ["random", "pairs"]
    with pytest.raises(RecipeError, match=r"exports.*no stage 'pair' gives pairs.*'pairs'"):
        with_exported(stages, "pair", file="f")


def test_scores_of_tokens_are_of_the_tokenizer_of_the_trained_model(
    tiny_model: Path, tmp_path: Path
) -> None:
    """A copy of the model may score; one that splits texts otherwise is refused by name."""
    same, other = tmp_path / "same", tmp_path / "other"
    for folder in (same, other):
        folder.mkdir()
        described = json.loads((tiny_model / "tokenizer.json").read_text())
        if folder == other:
            described["pre_tokenizer"] = {"type": "Whitespace"}
        (folder / "tokenizer.json").write_text(json.dumps(described))
    stages = {
        "responses": SAMPLE,
        "tokens": {"use": "annotators.TokenContrast", "of": "responses", "model": "judge"},
        "plain": PAIRS,
        "p": {"use": "filters.TokenWeights", "of": "plain", "by": "tokens"},
        "few": {"use": "filters.Balance", "of": "p", "per_prompt": 1},
        "trained": {"use": "trainers.DPO", "of": "few"},
    }

    def check(judge: Path) -> None:
        models = {"policy": tiny_model, "judge": judge}
        roles = {
            role: RoleDefaults(role, Binding(model=str(model)), SHIPPED["chat"])
            for role, model in models.items()
        }
        check_roles(plan(stages, file="f", roles=roles), roles, file="f")

    check(same)
    with pytest.raises(UnfitError, match=r"stage 'tokens', whose role 'judge' has another") as told:
        check(other)
    assert told.value.stage == "trained"
