"""Recipes are data: nothing in them is filled in, nothing beside them is run."""

from pathlib import Path
from typing import Any

import pytest

from assets.components.recipe import Recipe
from assets.components.tree import RecipeTree
from assets.project.declaration import Declaration
from assets.project.folders import read_folders


def tree(folder: Path) -> RecipeTree:
    declared = [each for each in read_folders([folder]) if isinstance(each, Declaration)]
    return RecipeTree.of(folder, declared)


BRACES = [
    "{{ env.HF_TOKEN }}",
    "{{ 1 + 1 }} and {{ unknown }}",
    "{% for x in y %}",
    "{# a comment #} f(x) = {x | x > 0}",
    "$HF_TOKEN ${HF_TOKEN} %HF_TOKEN%",
    "\\frac{{1}}{{2}} }} {{",
]


@pytest.mark.parametrize("text", BRACES)
def test_attributes_are_taken_as_they_stand(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    workshop.recipe("mine", paper={"title": text, "code": f"https://x.org/{text}"}, claim=text)
    (recipe,) = tree(workshop.folder / "recipes").get_all_components(Recipe)
    assert (recipe.claim, recipe.paper.title) == (text, text)
    assert recipe.paper.code == f"https://x.org/{text}"


def test_braces_in_parameters_stay(workshop: Any) -> None:
    template = {"use": "annotators.Judge", "of": "responses", "criteria": "{{ env.HOME }} {x}"}
    sampled = {"use": "generators.Sample", "n": 2}
    workshop.recipe("mine", {"responses": sampled, "marks": template})
    (recipe,) = tree(workshop.folder / "recipes").get_all_components(Recipe)
    assert recipe.stages["marks"]["criteria"] == "{{ env.HOME }} {x}"


def test_python_beside_recipes_is_not_run(workshop: Any, tmp_path: Path) -> None:
    workshop.recipe("mine")
    ran = tmp_path / "ran"
    for name in ("definitions.py", "component.py", "tests/extra.py", "tests/mine/vars.py"):
        (workshop.folder / "recipes" / name).write_text(f"open({str(ran)!r}, 'w')")
    found = tree(workshop.folder / "recipes")
    assert [recipe.name for recipe in found.get_all_components(Recipe)] == ["mine"]
    found.build_defs()
    assert not ran.exists()


def test_links_in_a_circle_end(workshop: Any) -> None:
    workshop.recipe("mine")
    (workshop.folder / "recipes/tests/again").symlink_to(workshop.folder / "recipes/tests")
    found = tree(workshop.folder / "recipes")
    assert [recipe.name for recipe in found.get_all_components(Recipe)] == ["mine"]


def test_a_file_may_hold_several(workshop: Any) -> None:
    file = workshop.recipe("mine")
    file.write_text(file.read_text() + "---\n" + file.read_text().replace("mine", "other"))
    found = tree(workshop.folder / "recipes")
    assert [recipe.name for recipe in found.get_all_components(Recipe)] == ["mine", "other"]
    assert {recipe.file for recipe in found.get_all_components(Recipe)} == {file}


def test_a_folder_without_recipes_holds_none(workshop: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert tree(tmp_path / "empty").get_all_components(Recipe) == []
