"""Stages that draw prompts from a source of their own: what is planned and what is refused."""

from typing import Any

import pytest

from assets.config.errors import RecipeError
from schemas import Prompts
from tests.assets.conftest import SAMPLED, Workshop

DRAWN: dict[str, Any] = {
    "seed": {"use": "generators.Draw", "of": "others", "rows": 4},
    "responses": {**SAMPLED, "of": "seed"},
}


def refused(workshop: Workshop, stages: dict[str, Any]) -> str:
    workshop.recipe("drawing", stages)
    with pytest.raises(RecipeError) as caught:
        workshop.project().require("drawing")
    return str(caught.value)


@pytest.fixture
def drawing(workshop: Workshop) -> Workshop:
    workshop.source("others", read={"use": "pocket.Problems"}, check="pocket.check")
    return workshop


def test_a_source_is_no_stage_that_is_read(drawing: Workshop) -> None:
    drawing.recipe("drawing", DRAWN)
    project = drawing.project()
    seed = project.recipes["drawing"].planned(project.settings)[0]
    assert (seed.name, seed.gives, seed.sources) == ("seed", Prompts, ("others",))
    assert seed.reads == ("prompts", "held_out")


def test_only_the_sources_of_a_recipe_are_asked_for_prompts(drawing: Workshop) -> None:
    own = {"more": {"use": "generators.Draw", "of": "pocket", "rows": 3}}
    drawing.recipe("drawing", DRAWN | own)
    project = drawing.project()
    recipe = project.recipes["drawing"]
    stages = recipe.planned(project.settings)
    asked = recipe.asked_of_sources(stages, project.settings, 6)
    assert asked == {"pocket": 9, "others": 4}


def test_a_run_of_fewer_prompts_draws_fewer_in_proportion(drawing: Workshop) -> None:
    own = {"more": {"use": "generators.Draw", "of": "pocket", "rows": 9}}
    drawing.recipe("drawing", DRAWN | own, rows=12)
    project = drawing.project()
    drawn_for = project.recipes["drawing"].drawn_for
    assert drawn_for(project.settings, 4) == {"seed.rows": 2, "more.rows": 3}
    assert drawn_for(project.settings, 1) == {"seed.rows": 1, "more.rows": 1}
    assert drawn_for(project.settings, 12) == drawn_for(project.settings, None) == {}


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("other", "there is no source 'other'; did you mean 'others'"),
        ("few_held_out", "read the table 'held_out'"),
    ],
)
def test_a_source_that_cannot_be_drawn_from_is_refused(
    drawing: Workshop, of: str, told: str
) -> None:
    says = refused(drawing, DRAWN | {"seed": {**DRAWN["seed"], "of": of}})
    assert told in says
    assert "stage 'seed'" in says


def test_a_stage_is_no_source(drawing: Workshop) -> None:
    stages = {"first": DRAWN["seed"], **DRAWN, "seed": {**DRAWN["seed"], "of": "first"}}
    assert "there is no source 'first'" in refused(drawing, stages)


def test_a_run_cannot_draw_from_another_source(drawing: Workshop) -> None:
    drawing.recipe("drawing", DRAWN)
    project = drawing.project()
    project.require("drawing", {"seed.rows": 2})
    with pytest.raises(RecipeError, match="cannot change"):
        project.require("drawing", {"seed.of": "pocket"})


def test_what_a_drawn_prompt_lacks_is_known_when_the_recipe_loads(workshop: Workshop) -> None:
    workshop.source("others", read={"use": "pocket.Problems"})
    scored = {"scores": {"use": "annotators.Verifier", "of": "responses", "prompts": "seed"}}
    assert "source 'others' has no check" in refused(workshop, DRAWN | scored)
