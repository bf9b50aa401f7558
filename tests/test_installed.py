"""The package as a user has it: installed without extras, in an environment with nothing else, and
used in a project folder far from the checkout."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkout import PROJECT

pytestmark = [pytest.mark.install, pytest.mark.timeout(1200)]

FEW = """
type: assets.Source
attributes:
  name: few
  read: {use: pocket.Problems, split: held_out}
  check: pocket.check
  rows: 16
  fixed: true
"""
"""Fewer problems to measure policies on: that is most of the time."""

QUERY = "{assetNodes{assetKey{path}}}"


@dataclass(frozen=True)
class Project:
    """A new project, and the environment that its commands run in."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> str:
        done = subprocess.run(
            command.split(), cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("installed")
    binaries = folder / "venv" / "bin"
    ours = ("FACTORY_", "DAGSTER_", "PYTHON", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    environment["PATH"] = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    outside = Project(folder, environment)
    outside.run(f"{sys.executable} -m venv {folder / 'venv'}")
    pip = f"{binaries / 'pip'} install --quiet --constraint {PROJECT / 'constraints.txt'}"
    # First and alone, as in the Makefile.
    outside.run(f"{pip} torch")
    outside.run(f"{pip} {PROJECT}")
    outside.run("factory init my-factory")
    few = folder / "my-factory" / "recipes" / "sources" / "few" / "defs.yaml"
    few.parent.mkdir(parents=True)
    few.write_text(FEW)
    return Project(folder / "my-factory", environment | {"FACTORY_HELD_OUT": "few"})


@pytest.fixture
def ui(project: Project) -> Iterator[str]:
    """The address of ``dagster dev`` in the project folder."""
    home = {"DAGSTER_HOME": str(project.folder / ".dagster")}
    log = (project.folder / "dev.log").open("w")
    command = ["dagster", "dev", "--port", "3791"]
    process = subprocess.Popen(
        command, cwd=project.folder, env=project.environment | home, stdout=log, stderr=log
    )
    yield "http://127.0.0.1:3791"
    process.terminate()
    process.wait()


def test_recipes_run_in_a_new_project(project: Project) -> None:
    listed = {recipe["id"] for recipe in json.loads(project.run("factory recipes --json"))}
    assert {"online_dpo", "short_answers"} <= listed
    for recipe in ("online_dpo", "short_answers"):
        done = json.loads(project.run(f"factory run {recipe} --rows 16 --json"))
        assert done["stages"]["policy"]["kept"] > 0
    trained = json.loads(project.run("factory train brief --json"))
    assert trained["figures"]["tasks"]["prompts"] > 0
    project.run("factory export online_dpo out")
    assert (project.folder / "data" / "journal.sqlite").is_file()


def test_the_ui_shows_the_recipes(project: Project, ui: str) -> None:
    ends = time.monotonic() + 300
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(f"{ui}/graphql?query={QUERY}", timeout=60) as answer:
                nodes = json.load(answer)["data"]["assetNodes"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            nodes = []
        if nodes:
            break
        time.sleep(1)
    keys = {"/".join(node["assetKey"]["path"]) for node in nodes}
    assert {"online_dpo/pairs", "short_answers/brevity"} <= keys
