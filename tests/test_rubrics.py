"""What docs/rubrics.md says works: its rubric and recipe are run as they stand there."""

import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from annotators.criteria.rubric_files import read_rubric
from assets.definitions import build_definitions
from assets.project.project import Project, load_project
from assets.refresh import run_refresh
from assets.report.agreement import agreements, truth
from assets.report.report_data import load_report_data
from tests.checkout import PROJECT

PAGE = (PROJECT / "docs" / "rubrics.md").read_text()
REFRESH = "2026-11-01"
CRITERIA = {"addressed", "short", "blame"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the page's recipe, the shipped sources and the small models."""
    config = yaml.safe_load((PROJECT / "factory.yaml").read_text())
    for binding in config["roles"].values():
        binding["model"] = str(PROJECT / binding["model"])
        binding["templates"] = str(PROJECT / binding["templates"])
    config |= {"root": str(tmp_path / "data"), "recipes": ["recipes"]}
    (tmp_path / "factory.yaml").write_text(yaml.safe_dump(config))
    for name, text in re.findall(r"`(recipes/[\w/.]+)`[^`]*:\n\n```\w+\n(.*?)```", PAGE, re.S):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("FACTORY_CONFIG", str(tmp_path / "factory.yaml"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return load_project()


def test_a_rubric_gives_scores_pairs_and_a_report(project: Project, tmp_path: Path) -> None:
    (recipe,) = tmp_path.glob("recipes/*/support/defs.yaml")
    assert len(recipe.read_text().splitlines()) == 6
    definitions = build_definitions(project, ["support"])
    outcome = run_refresh(project, definitions, "support", refresh=REFRESH, rows=4, shown=False)
    assert outcome.stages["pairs"]["kept"] >= 1
    tables = tmp_path / "data" / "tables" / "support"
    scores = pl.read_parquet(tables / "scores" / f"{REFRESH}.parquet")
    assert set(scores["annotator"]) == CRITERIA
    assert scores["value"].drop_nulls().is_between(0, 1).all()
    data = load_report_data(project, "support", "scores", refresh=REFRESH)
    names, _ = agreements(data, truth(data))
    assert set(names) == {f"scores · {name}" for name in CRITERIA} | {"the truth"}


def test_the_rubric_in_yaml_says_the_same(tmp_path: Path) -> None:
    for language, suffix in (("markdown", "md"), ("yaml", "yaml")):
        text = re.search(rf"```{language}\n((?:# |rubric: )support\n.*?)```", PAGE, re.S)
        assert text is not None
        (tmp_path / f"support.{suffix}").write_text(text[1])
    assert read_rubric(tmp_path / "support.md") == read_rubric(tmp_path / "support.yaml")
