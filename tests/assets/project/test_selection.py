"""A command loads what it names and what that needs, and nothing else."""

from typing import Any

import pytest

from assets.config.settings import load_settings
from assets.project.project import Project, load_project
from tests.assets.conftest import STAGES, Workshop


@pytest.fixture
def project_of(workshop: Workshop) -> Any:
    """Loads a project of a few recipes, a dataset and a model, with these names."""
    workshop.recipe("one", control="other")
    workshop.recipe("other")
    workshop.recipe("third")
    workshop.recipe("broken", {**STAGES, "pairs": {"use": "filters.Nothing"}})
    workshop.dataset("mixed", of=["one", "third/pairs"])
    workshop.model("learner", train={"dpo": {"use": "trainers.DPO", "of": "datasets/mixed"}})
    return lambda *names: Project(load_settings(), names)


def test_a_recipe_comes_with_its_control_and_its_datasets(project_of: Any) -> None:
    project = project_of("one", "pairs")
    # The dataset that it adds rows to needs the third.
    assert set(project.recipes) == {"one", "other", "third"}
    assert "mixed" in project.datasets
    assert not project.models
    assert {"few_held_out", "pocket"} <= set(project.sources)
    project.require("one")
    assert set(project_of("other").recipes) == {"other"}


def test_a_model_comes_with_its_datasets_and_their_recipes(project_of: Any) -> None:
    project = project_of("models", "learner")
    assert set(project.models) == {"learner"}
    assert set(project.recipes) == {"one", "other", "third"}


def test_what_is_not_needed_is_known_by_name(project_of: Any) -> None:
    project = project_of("other")
    assert not project.refusals
    assert "did you mean 'third'" in project.recipes.missing("thirdd")


def test_a_name_that_nothing_has_loads_all(project_of: Any) -> None:
    project = project_of("nothing")
    assert {"one", "other", "third", "online_dpo"} <= set(project.recipes)
    assert "broken" in project.refused


def test_names_in_the_configuration_are_known(workshop: Workshop, project_of: Any) -> None:
    workshop.configure(recipe_sources={"third": {"pocket": 1.0}})
    assert set(load_project(["other"]).recipes) == {"other"}
