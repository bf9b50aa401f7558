"""What the code location loads, and what it refuses to."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from assets.config.errors import SettingsError
from assets.definitions import build_definitions


def refused(workshop: Any, name: str = "mine") -> str:
    return next(str(one.error) for one in workshop.project().refusals if one.name == name)


def test_a_recipe_becomes_assets_checks_and_a_job(workshop: Any) -> None:
    file = workshop.recipe("mine")
    project = workshop.project()
    assert project.recipes["mine"].family == "tests"
    assert project.recipes["mine"].file == file
    definitions = build_definitions(project, ["mine"])
    graph = definitions.resolve_asset_graph()
    mine = {key.path[1] for key in graph.get_all_asset_keys() if key.path[0] == "mine"}
    assert mine == {"prompts", "responses", "pairs", "policy", "validated"}
    checks = {key.name for key in graph.asset_check_keys if key.asset_key.path == ["mine", "pairs"]}
    assert checks == {"schema", "adds_up", "label_accuracy"}
    job = definitions.resolve_job_def("mine")
    assert job.partitions_def is not None
    assert job.partitions_def.get_last_partition_key() >= "2026-01-01"


@pytest.mark.parametrize("name", ["mine", "online_dpo"])
def test_what_one_recipe_runs_does_not_depend_on_the_others(workshop: Any, name: str) -> None:
    workshop.recipe("mine")
    mixed = {"name": "mixed", "of": ["mine", "online_dpo"]}
    workshop._component("assets.Dataset", "sets/mixed", mixed)
    project = workshop.project()
    alone, among_all = (
        definitions.resolve_job_def(name)
        for definitions in (build_definitions(project, [name]), build_definitions(project))
    )
    assert alone.asset_layer.executable_asset_keys == among_all.asset_layer.executable_asset_keys
    assert dg.AssetKey(["datasets", "mixed"]) in alone.asset_layer.executable_asset_keys


def test_a_nights_schedule_asks_for_the_refresh_that_begins(workshop: Any) -> None:
    workshop.recipe("mine")
    repository = build_definitions(workshop.project(), ["mine"]).get_repository_def()
    nightly = repository.get_schedule_def("mine_nightly")
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    context = dg.build_schedule_context(
        scheduled_execution_time=midnight, repository_def=repository
    )
    (run,) = nightly.evaluate_tick(context).run_requests
    assert (nightly.cron_schedule, nightly.job_name) == ("0 0 * * *", "mine")
    assert run.partition_key == "2026-11-21"


def test_the_shipped_recipes_load_with_the_shipped_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from assets.project.project import load_project

    monkeypatch.delenv("FACTORY_CONFIG", raising=False)
    project = load_project()
    assert {"raft", "online_dpo", "random_pairs"} <= set(project.recipes)
    build_definitions(project)


def test_a_wrong_stage_is_refused_with_file_stage_and_field(workshop: Any) -> None:
    file = workshop.recipe("mine", {"responses": {"use": "generators.Sample", "number": 3}})
    told = refused(workshop)
    assert told.startswith(f"{file}, stage 'responses', field 'number':")


def test_a_recipe_without_a_name_has_that_of_its_folder(workshop: Any) -> None:
    stages = {"responses": {"use": "generators.Sample", "n": 2}}
    workshop._component("assets.Recipe", "tests/mine", {"stages": stages})
    recipe = workshop.project().recipes["mine"]
    assert (recipe.name, recipe.paper, recipe.claim) == ("mine", None, None)


@pytest.mark.parametrize("field", ["control", "measure"])
def test_what_is_measured_is_a_claim(workshop: Any, field: str) -> None:
    given = {"control": "random_pairs", "measure": {"use": "claims.LabelAccuracy", "of": "pairs"}}
    workshop.recipe("mine", claim=None, **{field: given[field]})
    assert f"field '{field}': say as claim: what {field} is for" in refused(workshop)


def test_two_components_of_one_name_are_refused(workshop: Any) -> None:
    file = workshop.recipe("online_dpo")
    told = refused(workshop, "online_dpo")
    assert str(file) in told
    assert "the name 'online_dpo' is taken by" in told


def test_a_control_that_is_not_there_is_refused(workshop: Any) -> None:
    workshop.recipe("mine", control="random_pair")
    assert "field 'control': there is no recipe 'random_pair'" in refused(workshop)


def test_an_unknown_source_is_refused(workshop: Any) -> None:
    file = workshop.recipe("mine", sources={"poket": 1.0})
    told = refused(workshop)
    assert told.startswith(f"{file}, field 'sources': there is no source 'poket'; did you mean")


def test_a_configuration_gives_a_single_recipe_its_sources(workshop: Any) -> None:
    workshop.recipe("mine", sources={"poket": 1.0})
    workshop.configure(recipe_sources={"mine": {"pocket": 1.0}})
    project = workshop.project()
    assert project.recipes["mine"].weights(project.settings) == {"pocket": 1.0}
    workshop.configure(recipe_sources={"mine": {"poket": 1.0}})
    assert "field 'recipe_sources.mine': there is no source 'poket'" in refused(workshop)


def test_sources_of_a_recipe_that_does_not_exist_are_refused(workshop: Any) -> None:
    workshop.recipe("mine")
    workshop.configure(recipe_sources={"mien": {"pocket": 1.0}})
    with pytest.raises(SettingsError, match="'recipe_sources': there is no recipe 'mien'"):
        workshop.project()


def test_what_policies_are_measured_on_must_not_change(workshop: Any) -> None:
    workshop.recipe("mine")
    workshop.configure(held_out="pocket")
    assert "set fixed: true" in refused(workshop)


@pytest.mark.parametrize(
    ("attributes", "field", "told"),
    [
        ({"read": {"use": "pocket.Nothing"}}, "read.use", "cannot import 'pocket.Nothing'"),
        ({"read": {"use": "pocket.Problem"}}, "read.use", "has no method 'prompts'"),
        ({"read": {"seed": 1}}, "read", "'use' is missing"),
        ({"read": {"use": "pocket.Problems", "sed": 1}}, "read.sed", "did you mean 'seed'"),
        ({"read": {"use": "pocket.Problems"}, "check": "pocket.chek"}, "check", "pocket.chek"),
    ],
)
def test_a_source_that_cannot_be_is_refused(
    workshop: Any, attributes: dict[str, Any], field: str, told: str
) -> None:
    file = workshop.source("mine", **attributes)
    said = refused(workshop)
    assert said.startswith(f"{file}, field {field!r}:")
    assert told in said
