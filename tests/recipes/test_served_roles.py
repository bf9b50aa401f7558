"""What `factory.yaml` alone decides: which of the shipped recipes may have their models served."""

from collections.abc import Callable

import pytest

from assets.config.errors import RecipeError
from assets.project.project import Project, load_project
from engines.bindings import Binding

SCORED = {"cdr": "ratios", "herding": "of_weak", "math_shepherd": "exact", "pav": "chance"}
"""Of some recipes, the first stage that scores or trains another role than the policy."""

ASKED = {"online_dpo", "rest_mcts", "self_rationalization", "tick", "tree_plv"}
"""Some recipes that only ask the other roles, and read what they write."""

Serve = Callable[[str, Binding], Binding]


def served(role: str, binding: Binding) -> Binding:
    """The role behind a server, its weights beside it."""
    server = {"engine": "openai", "url": "http://localhost:8000/v1", "served_as": role}
    return binding.model_copy(update=server)


def without_weights(role: str, binding: Binding) -> Binding:
    return served(role, binding).model_copy(update={"model": None})


def policy_with_weights(role: str, binding: Binding) -> Binding:
    return (served if role == "policy" else without_weights)(role, binding)


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> Project:
    """The shipped recipes and configuration."""
    monkeypatch.delenv("FACTORY_CONFIG", raising=False)
    return load_project()


def refused(shipped: Project, serve: Serve) -> dict[str, RecipeError]:
    """Why each recipe that does not load with its roles so bound does not."""
    roles = {role: serve(role, binding) for role, binding in shipped.settings.roles.items()}
    settings = shipped.settings.model_copy(update={"roles": roles})
    refusals = {name: recipe.refusal(settings) for name, recipe in shipped.recipes.items()}
    return {name: error for name, error in refusals.items() if error is not None}


def test_served_models_with_weights_beside_them_play_every_role(shipped: Project) -> None:
    assert refused(shipped, served) == {}


def test_without_weights_whatever_scores_or_trains_is_refused(shipped: Project) -> None:
    errors = refused(shipped, without_weights)
    assert errors.keys() == shipped.recipes.keys()
    for name, error in errors.items():
        assert error.stage in shipped.recipes[name].stages
        assert "weights" in str(error)


def test_a_judge_that_only_judges_needs_no_weights(shipped: Project) -> None:
    errors = refused(shipped, policy_with_weights)
    assert not ASKED & errors.keys()
    assert SCORED.items() <= {name: error.stage for name, error in errors.items()}.items()
    assert all("weights" in str(error) for error in errors.values())
