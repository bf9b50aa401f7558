"""What ``factory recipes`` lists."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.cli.console import refusal_lines
from assets.config.errors import RecipeError
from assets.project.refusal import Refusal
from assets.storage.tables import Tables
from schemas import Dropped, Prompts, Split, empty
from tests.assets.conftest import Workshop


def recipes(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["recipes", *arguments])


def test_a_recipe_is_one_line_with_what_it_needs(workshop: Workshop) -> None:
    name = "a_recipe_with_a_name_that_is_longer_than_a_terminal_is_wide_as_none_should_be_but_one"
    workshop.recipe(name, paper={"title": "A paper", "arxiv": "2401.01335"})
    split = Split(empty(Prompts), empty(Dropped))
    Tables(workshop.folder / "data").write((name, "prompts"), "2026-11-01", split)
    (line,) = (each for each in recipes().stdout.splitlines() if name in each)
    assert line.split() == ["tests", name, "arXiv:2401.01335", "2024", "policy", "2026-11-01"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["mcts"], {"mcts_dpo", "rest_mcts"}),
        (["MCTS", "dpo"], {"mcts_dpo"}),
        (["2405.00451"], {"mcts_dpo"}),
        (["--family", "loops"], {"online_dpo", "raft"}),
        (["judges"], {"one_token_probe", "self_rationalization"}),
    ],
)
def test_words_and_a_family_choose(
    workshop: Workshop, arguments: list[str], names: set[str]
) -> None:
    found = json.loads(recipes("--json", *arguments).stdout)
    assert names <= {each["id"] for each in found}
    assert "tick" not in {each["id"] for each in found}


def test_a_family_that_is_not_there_is_named(workshop: Workshop) -> None:
    told = recipes("--family", "serch")
    assert told.exit_code == 1
    assert "did you mean 'search'" in told.stderr


def test_one_that_cannot_be_used_is_listed_where_it_is_asked_for(workshop: Workshop) -> None:
    workshop.recipe("wrong", {"responses": {"use": "generators.Nothing"}})
    assert "wrong: recipe wrong" in recipes("wrong").stdout
    assert "generators.Nothing" not in recipes("mcts").stdout


def test_one_of_an_unknown_source_is_listed_once_with_the_error(workshop: Workshop) -> None:
    workshop.recipe("lost", sources={"nowhere": 1.0})
    told = recipes("--family", "tests").stdout
    assert told.count("recipe lost") == 1
    assert told.startswith("wrong: recipe lost")
    assert "there is no source 'nowhere'" in told


def test_words_that_no_recipe_has_are_answered(workshop: Workshop) -> None:
    assert recipes("no_such_word").stdout == "no recipe has these words\n"


def test_an_error_of_many_recipes_stands_before_their_names() -> None:
    error = RecipeError("no source", file="factory.yaml")
    many = [Refusal("recipe", f"r{n}", "factory.yaml", error) for n in range(9)]
    (line,) = (str(each) for each in refusal_lines(many))
    assert line.startswith("wrong: factory.yaml: no source (9: recipe r0, r1,")
    (line,) = (str(each) for each in refusal_lines(many[:2]))
    assert line == "wrong: recipe r0, r1: factory.yaml: no source"
