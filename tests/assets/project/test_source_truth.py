"""What needs a check or a reference is refused when the recipe loads; what only the claim needs is
left out."""

from pathlib import Path
from typing import Any

import pytest

from annotators import PTrue, Verifier
from assets.config.errors import RecipeError
from assets.definitions import build_definitions

ASKED = '{"instruction": "Name a fruit.", "answer": "4"}\n{"instruction": "Name a bird."}\n'
SAMPLED = {"use": "generators.Sample", "n": 2}
CHECKED: dict[str, Any] = {
    "responses": SAMPLED,
    "scores": {"use": "annotators.Verifier", "of": "responses"},
    "pairs": {"use": "filters.BestWorst", "of": "responses", "by": "scores"},
}
JUDGED: dict[str, Any] = CHECKED | {"scores": {"use": "annotators.Judge", "of": "responses"}}


def reading(workshop: Any, **attributes: Any) -> Path:
    """A source of instructions, from which recipes draw; its ``defs.yaml``."""
    (workshop.folder / "asked.jsonl").write_text(ASKED)
    reads = {"use": "generators.Files", "path": "asked.jsonl", "prompt": "instruction"}
    reads |= {"licence": "CC0-1.0"} | attributes.pop("read", {})
    workshop.configure(sources={"asked": 1.0})
    file: Path = workshop.source("asked", read=reads, **attributes)
    return file


def refusal(workshop: Any, name: str) -> str:
    with pytest.raises(RecipeError) as caught:
        workshop.project().require(name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("stage", "spec", "says"),
    [
        ("scores", {"use": "annotators.Verifier", "of": "responses"}, "has no check"),
        ("scores", {"use": "annotators.RolloutValue", "of": "responses"}, "has no check"),
        ("scores", {"use": "annotators.FirstError", "of": "responses"}, "set by: judge"),
        ("trees", {"use": "generators.TreeSearch"}, "set outcome: 0"),
        ("worked", {"use": "generators.Reference"}, "no references"),
        (
            "scores",
            {"use": "annotators.Simulated", "of": "responses", "personas": {"right": "check"}},
            "has no check",
        ),
        (
            "scores",
            {
                "use": "annotators.Simulated",
                "of": "responses",
                "personas": ["pocket.personas.worked_out"],
            },
            "not checked by pocket.check",
        ),
        (
            "best",
            {"use": "generators.BestOfN", "scorer": {"use": "annotators.Verifier"}},
            "has no check",
        ),
    ],
)
def test_what_needs_the_truth_is_refused_without_it(
    workshop: Any, stage: str, spec: dict[str, Any], says: str
) -> None:
    source = reading(workshop)
    file = workshop.recipe("mine", {"responses": SAMPLED, stage: spec})
    message = refusal(workshop, "mine")
    assert says in message
    for part in (str(file), f"stage {stage!r}", spec["use"], "'asked'"):
        assert part in message
    assert str(source) in message or "pocket.check" in message


@pytest.mark.parametrize(
    ("spec", "read"),
    [
        ({"use": "annotators.Verifier", "check": "engines.checks.math"}, {"reference": "answer"}),
        ({"use": "annotators.FirstError", "by": "judge"}, {}),
        ({"use": "annotators.Judge"}, {}),
    ],
)
def test_what_has_its_truth_or_needs_none_runs(
    workshop: Any, spec: dict[str, Any], read: dict[str, Any]
) -> None:
    reading(workshop, read=read)
    workshop.recipe("mine", {"responses": SAMPLED, "scores": spec | {"of": "responses"}})
    assert "mine" not in workshop.project().refused


def test_a_check_that_compares_needs_references(workshop: Any) -> None:
    reading(workshop, check="engines.checks.math")
    workshop.recipe("mine", CHECKED)
    assert "no references, which engines.checks.math compares with" in refusal(workshop, "mine")
    reading(workshop, check="engines.checks.math", read={"reference": "answer"})
    assert workshop.project().recipes["mine"].fitted(workshop.project().settings).referenced


def test_a_refused_recipe_stops_no_other(workshop: Any) -> None:
    reading(workshop)
    workshop.recipe("mine", CHECKED)
    workshop.recipe("other", JUDGED)
    project = workshop.project()
    assert {"mine", "online_dpo", "math_shepherd"} <= project.refused.keys()
    assert {"other", "self_rewarding", "tick"}.isdisjoint(project.refused)
    jobs = {job.name for job in build_definitions(project).resolve_all_job_defs()}
    assert "other" in jobs
    assert "mine" not in jobs


def test_a_stage_that_only_the_claim_needs_is_left_out(workshop: Any) -> None:
    reading(workshop)
    measure = {"use": "claims.Calibration", "of": "scores", "control": "truth"}
    truth = {"use": "annotators.Verifier", "of": "responses"}
    workshop.recipe("mine", JUDGED | {"truth": truth}, measure=measure)
    project = workshop.project()
    fitted = project.recipes["mine"].fitted(project.settings)
    assert [stage.name for stage in fitted.stages] == ["responses", "scores", "pairs"]
    assert fitted.notice is not None
    assert "truth" in fitted.notice
    assert project.recipes["mine"].measured_by(project.settings) is None


def test_an_annotator_takes_the_place_of_a_verifier_without_a_check(workshop: Any) -> None:
    reading(workshop)
    otherwise = {"use": "annotators.PTrue", "model": "judge"}
    workshop.recipe("mine", CHECKED | {"scores": CHECKED["scores"] | {"otherwise": otherwise}})
    project = workshop.project()
    project.require("mine")
    stages = {
        stage.name: stage.operator for stage in project.recipes["mine"].planned(project.settings)
    }
    assert isinstance(stages["scores"], PTrue)
    assert (stages["scores"].of, stages["scores"].model) == ("responses", "judge")
    reading(workshop, check="engines.checks.math", read={"reference": "answer"})
    project = workshop.project()
    stages = {
        stage.name: stage.operator for stage in project.recipes["mine"].planned(project.settings)
    }
    assert isinstance(stages["scores"], Verifier)


def test_a_policy_is_validated_by_a_judge_where_its_prompts_have_no_check(workshop: Any) -> None:
    def measured() -> Any:
        project = workshop.project()
        project.require("mine")
        *_, validated = project.recipes["mine"].planned(project.settings)
        return validated.operator

    trained = {"use": "trainers.DPO", "of": "pairs"}
    validated = {"use": "trainers.Validate", "of": "policy"}
    stages = JUDGED | {"policy": trained, "validated": validated}
    workshop.recipe("mine", stages)
    assert measured().by is None
    reading(workshop, fixed=True)
    workshop.configure(sources={"pocket": 1.0}, held_out="asked")
    assert measured().by == "judge"
    workshop.recipe("mine", stages | {"validated": validated | {"by": "check"}})
    assert "set by: judge" in refusal(workshop, "mine")


def test_a_parameter_of_the_run_can_lift_the_refusal(workshop: Any) -> None:
    reading(workshop)
    found = {"use": "annotators.FirstError", "of": "responses"}
    workshop.recipe("mine", {"responses": SAMPLED, "found": found})
    project = workshop.project()
    assert "mine" in project.refused
    project.require("mine", {"found.by": "judge"})
