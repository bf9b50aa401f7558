"""A recipe, source or dataset that is wrong stops no other, and is listed with its error."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets import Factory
from assets.cli import app
from assets.config.errors import FactoryError
from assets.definitions import build_definitions
from assets.project.project import Project
from tests.assets.conftest import SAMPLED, Workshop, new_workshop

PAIRS = {"use": "filters.RandomPairs", "of": "responses"}
STAGES: dict[str, Any] = {"responses": SAMPLED, "pairs": PAIRS}
FIELDS = {"paper": {"title": "A paper"}, "claim": "It helps", "stages": STAGES}


def staged(**stages: Any) -> dict[str, Any]:
    return {"stages": STAGES | stages}


BROKEN: dict[str, tuple[dict[str, Any] | str, str | None, str | None, str]] = {
    # What the recipe has, then the stage and the field that are named, and what is told.
    "syntax": ("type: assets.Recipe\nattributes: [", None, None, "line 3: is not YAML"),
    "a_type": ("type: assets.Recip\nattributes: {}", None, "type", "must be one of assets.Recipe"),
    "paper": ({"paper": "2310.05910"}, None, "paper", "must be a mapping"),
    "a_field": ({"clam": "x"}, None, "clam", "did you mean 'claim'?"),
    "operator": (
        staged(pairs={"use": "filters.RandomPair"}),
        "pairs",
        "use",
        "did you mean 'filters.RandomPairs'?",
    ),
    "parameter": (
        staged(responses=SAMPLED | {"temprature": 1}),
        "responses",
        "temprature",
        "did you mean 'temperature'",
    ),
    "a_stage": (
        staged(pairs=PAIRS | {"of": "response"}),
        "pairs",
        "of",
        "did you mean 'responses'?",
    ),
    "a_cycle": (
        staged(a=PAIRS | {"of": "b"}, b=PAIRS | {"of": "a"}),
        "a",
        "of",
        "wait for each other",
    ),
    "a_table": (staged(more=PAIRS | {"of": "pairs"}), "more", "of", "stages that give it: resp"),
    "a_template": (
        staged(marks={"use": "annotators.PTrue", "of": "responses", "template": "p_treu"}),
        "marks",
        "template",
        "did you mean 'p_true'?",
    ),
    "module": (staged(own={"use": "broken_module.Own"}), "own", "use", "division by zero"),
    "raises": (staged(own={"use": "broken_operator.Own"}), "own", None, "KeyError: 'mine'"),
    "a_source": ({"sources": {"pockt": 1.0}}, None, "sources", "did you mean 'pocket'"),
    "bad_source": ({"sources": {"unread": 1.0}}, None, "sources", "did you mean 'pocket.Problems'"),
    "a_control": ({"control": "fin"}, None, "control", "did you mean 'fine'?"),
    "a_role": (
        staged(responses=SAMPLED | {"model": "polciy"}),
        "responses",
        "model",
        "did you mean 'policy'?",
    ),
    "a_server": (
        staged(likely={"use": "annotators.Likelihood", "of": "responses", "model": "served"}),
        "likely",
        "model",
        "add weights",
    ),
    "online_dpo": ({}, None, "name", "is taken by"),
}
RAISES = """
from filters import RandomPairs

class Own(RandomPairs):
    of: str = "responses"

    def model_post_init(self, context):
        raise KeyError("mine")
"""
UNFIT = {"a_role", "a_server"}
UNREADABLE = {"a_source", "bad_source", "a_control"} | UNFIT
"""Recipes whose stages are right: their stored tables can be read."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Workshop]:
    """A project with all of these recipes, and one that is ``fine``."""
    with pytest.MonkeyPatch.context() as patch:
        workshop = new_workshop(tmp_path_factory.mktemp("broken"), tiny_model, patch)
        bound = {"model": str(tiny_model), "profile": "pocket"}
        served = {"engine": "openai", "url": "http://localhost:1/v1", "served_as": "m"}
        workshop.configure(roles={"policy": bound, "served": served})
        for name, (wrong, *_) in BROKEN.items():
            if isinstance(wrong, str):
                workshop.recipe(name).write_text(wrong)
            else:
                workshop.recipe(name, **FIELDS | wrong)
        workshop.recipe("fine", STAGES, rows=2)
        workshop.recipe("compared", STAGES, control="operator")
        workshop.source("unread", read={"use": "pocket.Problem"})
        (workshop.folder / "broken_module.py").write_text("1 / 0")
        (workshop.folder / "broken_operator.py").write_text(RAISES)
        for name, of in {"of_broken": ["operator"], "of_unfit": ["fine", "a_server"]}.items():
            workshop._component("assets.Dataset", f"sets/{name}", {"name": name, "of": of})
        yield workshop


@pytest.fixture(scope="module")
def project(built: Workshop) -> Project:
    return built.project()


@pytest.fixture(scope="module")
def definitions(project: Project) -> dg.Definitions:
    return build_definitions(project)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recipe_is_listed_with_file_stage_and_field(
    built: Workshop, project: Project, name: str
) -> None:
    _, stage, field, told = BROKEN[name]
    (refusal,) = [each for each in project.refusals if each.name == name]
    said = str(refusal.error)
    assert (refusal.error.stage, refusal.error.field) == (stage, field)
    assert str(built.folder / f"recipes/tests/{name}/defs.yaml") in said
    assert told in said
    assert refusal.is_broken == (name not in UNFIT)
    if name == "online_dpo":  # the shipped one of this name is used
        return
    assert (name in project.recipes) == (name in UNREADABLE)
    with pytest.raises(FactoryError, match=re.escape(said)):
        project.require(name)


def test_the_ui_shows_each_with_its_error_and_all_others_as_ever(
    project: Project, definitions: dg.Definitions
) -> None:
    shown = {
        spec.key.path[1]: spec.description
        for spec in definitions.resolve_all_asset_specs()
        if spec.group_name == "refused"
    }
    assert BROKEN.keys() | {"unread", "of_broken"} <= shown.keys()
    assert "did you mean" in str(shown["operator"])
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert {"fine", "compared", "online_dpo"} <= jobs
    assert jobs.isdisjoint(BROKEN.keys() - {"online_dpo"})


def test_a_dataset_says_which_of_its_recipes_cannot_be_used(
    project: Project, definitions: dg.Definitions
) -> None:
    said = {each.name: str(each.error) for each in project.refusals if each.kind == "dataset"}
    assert "recipe 'operator' cannot be used" in said["of_broken"]
    assert "recipe 'a_server' cannot run" in said["of_unfit"]
    spec = definitions.resolve_asset_graph().get(dg.AssetKey(["datasets", "of_unfit"]))
    assert "add weights" in str(spec.description)


def test_another_recipe_runs_and_its_rows_are_shown_and_exported(
    built: Workshop, tmp_path: Path
) -> None:
    def told(*words: str, code: int = 0) -> str:
        answered = CliRunner().invoke(app, list(words))
        assert answered.exit_code == code, answered.output
        return answered.output

    assert built.run("fine").stages["pairs"]["kept"] == 2
    told("show", "fine")
    told("export", "fine", str(tmp_path / "export"))
    told("report", "fine", "--out", str(tmp_path / "report.html"))
    assert Factory.open().read("fine").height == 2
    assert "did you mean 'filters.RandomPairs'" in told("run", "operator", code=1)
    assert "did you mean 'temperature'" in told("show", "parameter", code=1)


def test_the_commands_list_what_is_broken(built: Workshop) -> None:
    found = CliRunner().invoke(app, ["recipes", "--json"])
    listed = {each["id"]: each["refused"] for each in json.loads(found.stdout)}
    assert listed["fine"] is None
    assert all(listed[name] for name in BROKEN.keys() - {"online_dpo"})
    found = CliRunner().invoke(app, ["validate", "--json"])
    assert found.exit_code == 1
    listed = {each["name"]: each for each in json.loads(found.stdout)["refused"]}
    assert BROKEN.keys() <= listed.keys()
    assert (listed["operator"]["stage"], listed["operator"]["field"]) == ("pairs", "use")
    assert CliRunner().invoke(app, ["validate", "fine"]).exit_code == 0
    assert CliRunner().invoke(app, ["validate", "a_server"]).exit_code == 1
    assert "did you mean 'fine'" in CliRunner().invoke(app, ["validate", "fin"]).stderr


def test_a_shipped_recipe_that_does_not_fit_is_no_failure(workshop: Workshop) -> None:
    bound = {"model": "pocket/checkpoints/base", "profile": "pocket"}
    workshop.configure(roles={"policy": bound})
    found = CliRunner().invoke(app, ["validate"])
    assert found.exit_code == 0, found.output
    assert "no model is bound to role 'judge'" in found.output


@pytest.mark.parametrize(
    ("binding", "field", "told"),
    [
        ({"model": "./gone"}, "model", "there is no model at"),
        ({"api_key_env": "NO_SUCH_KEY"}, "api_key_env", "NO_SUCH_KEY is not set"),
        ({"templates": "gone"}, "templates", "there is no folder"),
    ],
)
def test_a_binding_that_cannot_work_is_told_before_a_run(
    workshop: Workshop, binding: dict[str, str], field: str, told: str
) -> None:
    served = {"engine": "openai", "url": "http://localhost:1/v1", "served_as": "m"}
    workshop.configure(roles={"judge": served | binding})
    found = CliRunner().invoke(app, ["validate", "judge", "--json"])
    assert found.exit_code == 1
    (refusal,) = json.loads(found.stdout)["refused"]
    assert refusal["field"] == f"roles.judge.{field}"
    assert told in refusal["error"]
