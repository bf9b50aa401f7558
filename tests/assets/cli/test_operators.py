"""``factory operators``: what a recipe may name, from the classes themselves."""

import json

from tests.assets.cli.test_cli import factory


def test_operators_are_listed_without_their_base_classes() -> None:
    found = {each["name"]: each for each in json.loads(factory("operators", "--json").stdout)}
    assert {"generators.Sample", "annotators.Judge", "filters.BestWorst", "trainers.DPO"} <= set(
        found
    )
    assert "generators.Generator" not in found
    assert found["filters.BestWorst"]["takes"]["by"] == ["Scores"]
    assert found["filters.BestWorst"]["gives"] == "Pairs"
    assert "filters.BestWorst" in factory("operators").stdout


def test_the_parameters_of_one() -> None:
    about = json.loads(factory("operators", "trainers.DPO", "--json").stdout)
    parameters = {each["name"]: each for each in about["parameters"]}
    assert parameters["of"]["required"]
    assert parameters["beta"]["default"] == 0.1
    assert parameters["learning_rate"]["set by the model"]
    assert "2305.18290" in about["docstring"]
    assert "learning_rate" in factory("operators", "trainers.DPO").stdout


def test_an_unknown_operator() -> None:
    done = factory("operators", "filters.BestWost")
    assert done.exit_code == 1
    assert "filters.BestWost" in done.stderr


def test_the_version() -> None:
    done = factory("--version")
    assert done.exit_code == 0
    assert done.stdout.strip().count(".") == 2
