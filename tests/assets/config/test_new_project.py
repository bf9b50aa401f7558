"""What `factory init` writes, and that it works as it stands."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assets.cli import app
from assets.project.project import load_project


def init(folder: Path) -> Result:
    return CliRunner().invoke(app, ["init", str(folder)])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "new" / "project"
    assert init(folder).exit_code == 0
    monkeypatch.delenv("FACTORY_CONFIG", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    sys.modules.pop("my_operators", None)


def test_the_example_recipe_uses_the_example_operator(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The project is found from its sub-folders too.
    monkeypatch.chdir(project / "recipes")
    found = load_project()
    assert found.settings.folder == project
    assert {"short_answers", "online_dpo"} <= set(found.recipes)
    stages = found.recipes["short_answers"].planned(found.settings)
    assert type(stages[1].operator).__module__ == "my_operators"
    models = [binding.model for binding in found.settings.bindings().values()]
    assert all(Path(str(model)).is_dir() for model in models)


def test_the_example_test_passes(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = init(tmp_path)
    assert refused.exit_code == 1
    assert f"{tmp_path} is not empty" in refused.output
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    assert "is a file" in init(tmp_path / "notes.txt").output
