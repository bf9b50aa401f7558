"""Parameters that one run sets."""

from typing import Any

import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError, RecipeError
from assets.definitions import build_definitions
from assets.project.changes import read_changes
from assets.provenance.reproduction import commands
from assets.storage.tables import Tables

TREES = {"trees": {"use": "generators.TreeSearch", "scorer": {"use": "annotators.PTrue"}}}


def stages(workshop: Any, **changes: Any) -> dict[str, Any]:
    project = workshop.project()
    planned = project.recipes["mine"].changed(
        project.settings, {name.replace("__", "."): value for name, value in changes.items()}
    )
    return {stage.name: stage for stage in planned}


def test_a_run_is_made_with_the_values_it_sets_and_keeps_them(ran: Any) -> None:
    workshop, _ = ran
    workshop.recipe("other", {"responses": {"use": "generators.Sample", "max_tokens": 8}})
    workshop.run("other", changes={"responses.max_tokens": 3, "responses.n": 2})
    tables = Tables(workshop.project().settings.root_path)
    rows = tables.read(("other", "responses"), "2026-11-01")
    assert rows["tokens"].max() <= 3
    assert rows.group_by("prompt_id").len()["len"].unique().to_list() == [2]
    about = tables.about(("other", "responses"), "2026-11-01")
    assert about == {"set": {"max_tokens": 3, "n": 2}}
    planned = workshop.project().recipes["other"].planned(workshop.project().settings)
    again = commands(tables, "other", planned, ["2026-11-01"])
    assert again.endswith("--rows 6 --set responses.max_tokens=3 --set responses.n=2")


def test_values_reach_nested_parameters(workshop: Any) -> None:
    file = workshop.recipe("mine", TREES)
    (file.parent / "mine.jinja").write_text("Is this right?\n\n{{ prompt }}\n\n{{ response }}")
    changed = stages(workshop, trees__proposer__n=9, trees__scorer__template="mine")["trees"]
    assert changed.operator.proposer.n == 9
    assert changed.operator.scorer.template == "mine"
    assert changed.origins["proposer.n"] == "this run"


def test_a_value_may_be_text_that_the_operator_reads_as_a_number(workshop: Any) -> None:
    workshop.recipe("mine")
    given = read_changes(["policy.learning_rate=1e-5"])
    changed = stages(workshop, policy__learning_rate=given["policy.learning_rate"])
    assert changed["policy"].operator.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("respones.n", 1, "did you mean 'responses'"),
        ("responses.max_tokn", 1, "did you mean 'max_tokens'"),
        ("responses.n", "many", "must be a whole number"),
        ("responses.n", True, "must not be true or false"),
        ("responses.n.m", 1, "no mapping|whole number"),
        ("policy.start", "strong", "cannot change an operator, an input or the role"),
        ("pairs.of", "prompts", "takes Responses|cannot change"),
        ("responses.use", "generators.Reference", "no such parameter|cannot change"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_runs(
    workshop: Any, name: str, value: Any, says: str
) -> None:
    workshop.recipe("mine")
    with pytest.raises(RecipeError, match=f"^--set.*({says})"):
        workshop.run("mine", changes={name: value})
    assert not (workshop.folder / "data").exists()


@pytest.mark.parametrize("text", ["n=3", "responses.n", "responses.n=[", "responses.n=!!int 3"])
def test_a_wrong_text_is_refused(text: str) -> None:
    with pytest.raises(FactoryError, match="--set"):
        read_changes([text])


def test_a_text_is_read_as_in_a_recipe() -> None:
    texts = ["a.b=64", "a.c=[x, y]", "a.d=", "a.e=a=b"]
    assert read_changes(texts) == {"a.b": 64, "a.c": ["x", "y"], "a.d": None, "a.e": "a=b"}
    with pytest.raises(FactoryError, match="twice"):
        read_changes(["a.b=1", "a.b=2"])


def test_the_launchpad_takes_the_same_values(workshop: Any) -> None:
    workshop.recipe("mine")
    job = build_definitions(workshop.project(), ["mine"]).resolve_job_def("mine")
    config = job.graph.node_named("mine__responses").definition.config_field.config_type
    assert "max_tokens" in config.fields["set"].description


def test_the_command_names_what_was_set(workshop: Any) -> None:
    workshop.recipe("mine")
    found = CliRunner().invoke(app, ["run", "mine", "--set", "responses.max_tokn=3"])
    assert found.exit_code == 1
    assert "--set, stage 'responses', field 'max_tokn'" in found.stderr
