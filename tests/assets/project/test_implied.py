"""What follows from the stages of a recipe need not be said; what is said counts."""

from pathlib import Path
from typing import Any

import pytest

from assets.components.asset_metadata import code_version
from assets.config.errors import RecipeError
from assets.config.settings import load_settings
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import Stage

SAMPLE = {"use": "generators.Sample", "n": 2}
UNSEEN = SAMPLE | {"of": "held_out"}
JUDGE = {"use": "annotators.JudgingItems", "model": "policy"}
TRUE = {"use": "annotators.Verifier"}
BEST_WORST = {"use": "filters.BestWorst"}
KNOWN = {
    "known": SAMPLE,
    "truth": TRUE | {"of": "known"},
    "pairs": BEST_WORST | {"of": "known", "by": "truth"},
    "reward": {"use": "trainers.RewardModel", "of": "pairs"},
    "unseen": UNSEEN,
}
REWARD = {"use": "annotators.Reward", "of": "unseen", "checkpoint": "reward"}


def recipe(stages: dict[str, Any], **attributes: Any) -> RecipeSpec:
    return RecipeSpec.declared({"stages": stages, **attributes}, Path("recipes/mine/one/defs.yaml"))


def planned(stages: dict[str, Any]) -> dict[str, Stage]:
    return {stage.name: stage for stage in recipe(stages).planned(load_settings())}


def version(stages: dict[str, Any], name: str) -> str:
    settings, spec = load_settings(), recipe(stages)
    return code_version(planned(stages)[name], spec.specs(settings)[name], settings, seed=0)


@pytest.mark.parametrize(
    ("stages", "stage", "prompts"),
    [
        ({"r": UNSEEN, "s": TRUE | {"of": "r"}}, "s", "held_out"),
        ({"r": SAMPLE, "s": TRUE | {"of": "r"}}, "s", "prompts"),
        # Through filters, scores and pairs.
        (
            {
                "r": UNSEEN,
                "s": TRUE | {"of": "r"},
                "few": {"use": "filters.Threshold", "of": "r", "by": "s", "at_least": 1.0},
                "p": BEST_WORST | {"of": "few", "by": "s"},
                "half": {"use": "filters.Fold", "of": "p", "fold": 1},
                "items": {"use": "annotators.PairwiseItems", "of": "half", "model": "policy"},
            },
            "items",
            "held_out",
        ),
        # Prompts that were chosen from others are among them.
        (
            {
                "half": {"use": "filters.Fold", "of": "held_out", "fold": 1},
                "r": SAMPLE | {"of": "half"},
                "s": TRUE | {"of": "r"},
            },
            "s",
            "held_out",
        ),
        # Questions about responses are prompts of their own.
        (
            {
                "r": UNSEEN,
                "items": JUDGE | {"of": "r"},
                "said": SAMPLE | {"of": "items"},
                "s": {"use": "annotators.GradeMatch", "of": "said"},
            },
            "s",
            "items",
        ),
        # Prompts of two tables are those of the table that has both.
        (
            {
                "both": {"use": "filters.Union", "of": ["prompts", "held_out"]},
                "r": SAMPLE | {"of": "both"},
                "s": TRUE | {"of": "r"},
            },
            "s",
            "both",
        ),
        # What a stage on the way says counts.
        (
            {
                "r": SAMPLE,
                "p": {"use": "filters.RandomPairs", "of": "r", "prompts": "held_out"},
                "half": {"use": "filters.Fold", "of": "p", "fold": 1},
            },
            "half",
            "held_out",
        ),
    ],
)
def test_the_prompts_of_a_stage_are_those_that_its_rows_answer(
    stages: dict[str, Any], stage: str, prompts: str
) -> None:
    found = planned(stages)[stage]
    assert found.operator.model_dump()["prompts"] == prompts
    assert prompts in found.reads


def test_rows_that_answer_prompts_of_two_tables_are_refused_and_both_named() -> None:
    stages = {
        "known": SAMPLE,
        "unseen": UNSEEN,
        "all": {"use": "filters.Union", "of": ["known", "unseen"]},
        "few": {"use": "filters.Balance", "of": "all", "per_prompt": 1},
    }
    with pytest.raises(RecipeError, match=r"'all'.*'prompts' and 'held_out'") as error:
        recipe(stages)
    assert (error.value.stage, error.value.field) == ("few", "prompts")
    stages["few"] = {**stages["few"], "prompts": "held_out"}
    assert planned(stages)["few"].operator.model_dump()["prompts"] == "held_out"


def test_answers_to_questions_of_their_own_need_the_stage_of_these() -> None:
    stages = {
        "r": SAMPLE,
        "critiques": {"use": "generators.Rewrite", "of": "r", "template": "critique"},
        "items": JUDGE | {"of": "r", "template": "critique"},
        "answers": {
            **(JUDGE | {"of": "critiques", "template": "critique"}),
            "use": "annotators.ItemAnswers",
            "drafts": "r",
        },
        "lessons": {"use": "filters.Imitate", "of": "answers"},
    }
    with pytest.raises(RecipeError, match="'answers' answer prompts of its own") as error:
        recipe(stages)
    assert (error.value.stage, error.value.field) == ("lessons", "prompts")
    assert planned(stages | {"lessons": {**stages["lessons"], "prompts": "items"}})


@pytest.mark.parametrize(
    ("start", "role"), [(None, "policy"), ("policy@initial", "policy"), ("weak", "weak")]
)
def test_the_model_of_a_checkpoint_is_the_role_that_it_was_trained_from(
    start: str | None, role: str
) -> None:
    trainer = KNOWN["reward"] | ({} if start is None else {"start": start})
    stages = KNOWN | {"reward": trainer, "rewards": REWARD}
    assert planned(stages)["rewards"].operator.model_dump()["model"] == role
    said = stages | {"rewards": REWARD | {"model": "strong"}}
    assert planned(said)["rewards"].operator.model_dump()["model"] == "strong"


def test_without_a_checkpoint_the_model_is_that_of_the_operator() -> None:
    stages = KNOWN | {"rewards": {"use": "annotators.Reward", "of": "unseen"}}
    assert planned(stages)["rewards"].operator.model_dump()["model"] == "reward"


def test_a_nested_scorer_has_the_model_of_its_checkpoint_too() -> None:
    labels = {"use": "filters.LabelSteps", "of": "cut", "by": "often", "rule": "soft"}
    stages = {
        "responses": SAMPLE,
        "cut": {"use": "generators.Segment", "of": "responses"},
        "often": {"use": "annotators.RolloutValue", "of": "cut"},
        "labels": labels,
        "prm": {"use": "trainers.PRM", "of": "labels", "start": "policy"},
        "found": {
            "use": "generators.StepBeam",
            "of": "held_out",
            "scorer": {"use": "annotators.ProcessReward", "checkpoint": "prm"},
        },
    }
    found = planned(stages)["found"]
    assert found.operator.model_dump()["scorer"]["model"] == "policy"
    assert found.origins["scorer.model"] == "stage prm"


def test_what_is_implied_says_where_it_comes_from() -> None:
    rewards = planned(KNOWN | {"rewards": REWARD})["rewards"]
    assert rewards.origins["prompts"] == "stage unseen"
    assert rewards.origins["model"] == "stage reward"


def test_a_stage_that_says_what_is_implied_is_the_same_stage() -> None:
    said = REWARD | {"prompts": "held_out", "model": "policy"}
    short, long = KNOWN | {"rewards": REWARD}, KNOWN | {"rewards": said}
    assert planned(short)["rewards"].operator == planned(long)["rewards"].operator
    assert version(short, "rewards") == version(long, "rewards")


def test_a_measure_reads_the_responses_that_were_scored_and_their_prompts() -> None:
    measure = {"use": "claims.RewardAccuracy", "of": "rewards", "control": "rewards"}
    stages = KNOWN | {"rewards": REWARD}
    short = recipe(stages, claim="c", measure=measure)
    named = measure | {"responses": "unseen", "prompts": "held_out"}
    long = recipe(stages, claim="c", measure=named)
    settings = load_settings()
    assert short.measured_by(settings) == long.measured_by(settings)
    both = {"use": "claims.AllOf", "measures": [measure, measure | {"control": "rewards"}]}
    found = recipe(stages, claim="c", measure=both).measured_by(settings)
    assert found is not None
    assert set(found.stages()) == {"rewards", "unseen", "held_out"}


def test_a_measure_of_scores_of_two_stages_is_refused_and_both_named() -> None:
    scores = {
        "one": TRUE | {"of": "known"},
        "other": TRUE | {"of": "unseen"},
        "sum": {"use": "filters.CombineScores", "of": ["one", "other"], "rule": "sum"},
    }
    measure = {"use": "claims.RewardAccuracy", "of": "sum", "control": "sum"}
    with pytest.raises(RecipeError, match="'known' and 'unseen'"):
        recipe(KNOWN | scores, claim="c", measure=measure)


def test_many_stages_of_two_inputs_are_told_at_once() -> None:
    stages: dict[str, Any] = {"a0": UNSEEN, "b0": UNSEEN}
    for number in range(1, 100):
        both = {"use": "filters.Union", "of": [f"a{number - 1}", f"b{number - 1}"]}
        stages |= {f"a{number}": both, f"b{number}": both}
    stages["s"] = TRUE | {"of": "a99"}
    assert planned(stages)["s"].operator.model_dump()["prompts"] == "held_out"
