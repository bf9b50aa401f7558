"""What needs a check or a reference is refused when the recipe loads; what only the claim needs is
left out."""

from pathlib import Path
from typing import Any

import pytest

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
    told = refusal(workshop, "mine")
    assert says in told
    for part in (str(file), f"stage {stage!r}", spec["use"], "'asked'", str(source)):
        assert part in told


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
    assert fitted.says is not None
    assert "truth" in fitted.says
    assert project.recipes["mine"].measured_by(project.settings) is None
