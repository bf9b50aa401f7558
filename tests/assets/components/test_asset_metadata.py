"""What Dagster's catalogue says of a recipe: it is found by what people know of it."""

import re
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.components.asset_metadata import tag
from assets.config.errors import FactoryError
from assets.definitions import build_definitions

PAPER = {"title": "Chosen*Rejected: A Study", "code": "https://example.org/code"}


def spec(workshop: Any, stage: str, recipe: str = "mine") -> dg.AssetSpec:
    graph = build_definitions(workshop.project(), [recipe]).resolve_all_asset_specs()
    return next(one for one in graph if one.key == dg.AssetKey([recipe, stage]))


def test_an_asset_says_paper_claim_operator_and_parameters(workshop: Any) -> None:
    workshop.recipe("mine", paper=PAPER, claim="<b>it</b> helps")
    said = spec(workshop, "responses").description
    assert said is not None
    assert "[Chosen&#42;Rejected: A Study](https://example.org/code)" in said
    assert "**Claim:** &lt;b&gt;it&lt;/b&gt; helps" in said
    assert "independent responses per prompt" in said
    assert "| n | 2 | the recipe |" in said
    assert "| top&#95;p | 1 | profile pocket |" in said
    assert "| writes | answer | by default |" in said


@pytest.mark.parametrize("code", [None, "javascript:alert(1)", "our shelf", "https://a b"])
def test_only_an_address_of_the_web_is_a_link(workshop: Any, code: str | None) -> None:
    workshop.recipe("mine", paper={"title": "A paper", "code": code})
    said = spec(workshop, "pairs").description
    assert said is not None
    assert "](" not in said
    assert "**Paper:** A paper" in said


def test_a_paper_on_arxiv_is_linked_beside_its_code(workshop: Any) -> None:
    paper = {"title": "A paper", "arxiv": "2405.07863", "code": "https://example.org/code"}
    workshop.recipe("mine", paper=paper)
    said = str(spec(workshop, "pairs").description)
    assert "[A paper](https://arxiv.org/abs/2405.07863) ([code](https://example.org/code))" in said
    workshop.recipe("mine", paper={"title": "A paper", "arxiv": "cs/0101"})
    (refusal,) = [each for each in workshop.project().refusals if each.name == "mine"]
    assert "field 'paper.arxiv': must be an id of arXiv" in str(refusal.error)


def test_a_recipe_is_found_by_family_paper_and_kind(workshop: Any) -> None:
    workshop.recipe("mine", paper=PAPER)
    definitions = build_definitions(workshop.project(), ["mine"])
    graph = definitions.resolve_asset_graph()
    stages = {"prompts", "responses", "pairs", "policy", "validated"}

    def found(words: str) -> set[str]:
        keys = dg.AssetSelection.from_string(words).resolve(graph)
        return {key.path[1] for key in keys if key.path[0] == "mine"}

    assert found("tag:family=tests") == stages
    assert found('tag:paper="chosen-rejected"') == stages
    assert found("tag:recipe=mine") == stages
    assert found('group:"tests/mine" and kind:huggingface') == {"responses", "policy", "validated"}
    assert found('group:"tests/mine" and kind:pytorch') == {"policy"}
    job = definitions.resolve_job_def("mine")
    assert job.tags["paper"] == "chosen-rejected"
    assert "https://example.org/code" in str(job.description)


def test_the_columns_and_their_rules_are_told(workshop: Any) -> None:
    workshop.recipe("mine")
    schema = spec(workshop, "pairs").metadata["dagster/column_schema"]
    columns = {column.name: column for column in schema.columns}
    assert columns["pair_id"].constraints.unique
    assert not columns["pair_id"].constraints.nullable
    assert columns["margin"].constraints.nullable
    assert all(column.description for column in schema.columns)


def test_owners_answer_for_every_asset(workshop: Any) -> None:
    workshop.recipe("mine")
    assert spec(workshop, "pairs").owners == []
    workshop.configure(owners=["team:alignment", "ann@example.org"])
    every = build_definitions(workshop.project(), ["mine"]).resolve_all_asset_specs()
    assert {tuple(one.owners) for one in every} == {("team:alignment", "ann@example.org")}


@pytest.mark.parametrize("owner", ["alignment", "team:", "ann@example", "a b@example.org"])
def test_an_owner_that_is_nobody_is_refused(workshop: Any, owner: str) -> None:
    workshop.configure(owners=[owner])
    with pytest.raises(FactoryError, match=r"field 'owners': .* write team:"):
        workshop.project()


def test_a_table_is_out_of_date_once_its_recipe_or_its_model_was_changed(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = {
        "responses": {"use": "generators.Sample", "n": 2},
        "pairs": {"use": "filters.RandomPairs", "of": "responses"},
    }

    def versions() -> tuple[str | None, str | None]:
        return spec(workshop, "responses").code_version, spec(workshop, "pairs").code_version

    workshop.recipe("mine", stages)
    responses, pairs = versions()
    assert versions() == (responses, pairs)
    stages["responses"]["n"] = 3
    workshop.recipe("mine", stages, claim="other words change nothing")
    more, same = versions()
    assert more != responses
    assert same == pairs
    monkeypatch.setenv("FACTORY_ROLES__POLICY__MODEL", "/other")
    assert versions()[0] != more
    assert versions()[1] == pairs


@given(st.text())
def test_any_text_becomes_a_tag(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_.-]{0,45}", tag(text))
    assert tag(tag(text)) == tag(text)


def test_a_long_title_ends_with_a_word() -> None:
    title = "Self-Evolutionary Large Language Models through Uncertainty-Enhanced Optimization"
    assert tag(title) == "self-evolutionary-large-language-models"


def test_the_launchpad_explains_what_can_be_set(workshop: Any) -> None:
    workshop.recipe("mine")
    job = build_definitions(workshop.project(), ["mine"]).resolve_job_def("mine")
    node = job.graph.node_named("mine__prompts")
    rows = node.definition.config_field.config_type.fields["rows"]
    assert "the number that the recipe sets" in rows.description
