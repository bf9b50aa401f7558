"""CONTRIBUTING.md: its paths are there, and its examples work."""

import re
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import filters
from assets.config.new_project import write_project
from assets.project.project import load_project
from tests.checkout import PROJECT
from tests.filters.conftest import make_world

PAGE = (PROJECT / "CONTRIBUTING.md").read_text()
MODULES = ("filters/curation/maximum_length.py", "generators/sources/sums.py")
COMPONENTS = ("recipes/curation/short_pairs/defs.yaml", "recipes/sources/sums/defs.yaml")


def example(path: str) -> str:
    """The block that follows the name of its file."""
    found = re.search(rf"`{re.escape(path)}`[^`]*?\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, path
    return found[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project with the examples, as modules of its own."""
    folder = tmp_path / "project"
    write_project(folder)
    for path in MODULES:
        (folder / Path(path).name).write_text(example(path))
    for path in COMPONENTS:
        text = example(path).replace("filters.MaximumLength", "maximum_length.MaximumLength")
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(text.replace("generators.Sums", "sums.Sums"))
    monkeypatch.setenv("FACTORY_CONFIG", str(folder / "factory.yaml"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


def test_the_folders_and_files_that_it_names_are_there() -> None:
    places = PAGE.split("## Where things live")[1].split("## A recipe")[0]
    last = PAGE.split("## An engine, a shape, a format")[1]
    named = re.findall(r"`([\w.]+/[\w./]*)`", places + last)
    assert named
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_the_recipe_and_the_source_load(project: Path) -> None:
    loaded = load_project()
    assert "short_pairs" in loaded.recipes
    rows: list[Any] = list(islice(loaded.sources["sums"].reader().prompts(51), 2))
    assert [row["reference"] for row in rows] == ["2", "3"]


def test_the_operator_passes_its_test(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = import_module("maximum_length").MaximumLength
    monkeypatch.setattr(filters, "MaximumLength", operator, raising=False)
    namespace: dict[str, Any] = {}
    exec(example("tests/filters/curation/test_maximum_length.py"), namespace)
    namespace["test_longer_responses_are_dropped"](make_world)
