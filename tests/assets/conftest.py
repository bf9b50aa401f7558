"""A factory of its own for a test: its configuration, its recipes, its root, a tiny model."""

import shutil
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.definitions import build_definitions
from assets.models.train import train_model
from assets.project.project import Project, load_project
from assets.refresh import Outcome, run_refresh
from assets.storage.model_versions import ModelVersion
from tests.assets.hub_server import TOKEN, Hub, serving
from tests.checkout import ROLES

HELD_OUT = {
    "name": "few_held_out",
    "read": {"use": "pocket.Problems", "split": "held_out"},
    "check": "pocket.check",
    "rows": 3,
    "fixed": True,
}
SAMPLED: dict[str, Any] = {
    "use": "generators.Sample",
    "n": 2,
    "max_tokens": 32,
    "stop": list(string.ascii_letters),
}
"""The tiny model's texts, which end: its end of the turn is as rare as any other of its tokens."""
STAGES: dict[str, dict[str, Any]] = {
    "responses": SAMPLED,
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
    "policy": {"use": "trainers.DPO", "of": "pairs", "learning_rate": 1e-3},
    "validated": {"use": "trainers.Validate", "of": "policy", "samples": 0, "max_tokens": 8},
}


@dataclass(frozen=True)
class Workshop:
    """A folder with a ``factory.yaml`` and recipes, which the environment points at."""

    folder: Path

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Let the environment point here."""
        patch.setenv("FACTORY_CONFIG", str(self.folder / "factory.yaml"))
        patch.setenv("DAGSTER_HOME", str(self.folder / "dagster"))

    def configure(self, **changes: Any) -> None:
        """Change fields of ``factory.yaml``."""
        file = self.folder / "factory.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))

    def source(self, name: str, **attributes: Any) -> Path:
        """Write a source; its ``defs.yaml``."""
        return self._component("assets.Source", f"sources/{name}", {"name": name} | attributes)

    def recipe(self, name: str, stages: dict[str, Any] | None = None, **attributes: Any) -> Path:
        """Write a recipe; its ``defs.yaml``."""
        told = {
            "name": name,
            "paper": {"title": "A paper"},
            "claim": "It helps",
            "rows": 6,
            "stages": STAGES if stages is None else stages,
        }
        return self._component("assets.Recipe", f"tests/{name}", told | attributes)

    def model(self, name: str, **attributes: Any) -> Path:
        """Write a downstream model; its ``defs.yaml``."""
        return self._component("assets.Model", f"models/{name}", {"name": name} | attributes)

    def dataset(self, name: str, **attributes: Any) -> Path:
        """Write a curated dataset; its ``defs.yaml``."""
        return self._component("assets.Dataset", f"datasets/{name}", {"name": name} | attributes)

    def train(self, name: str) -> ModelVersion:
        """Train a downstream model in this process."""
        project = load_project([name])
        return train_model(project, build_definitions(project, [], [name]), name, shown=False)

    def run(
        self,
        name: str,
        refresh: str = "2026-11-01",
        rows: int | None = None,
        *,
        changes: dict[str, Any] | None = None,
        shown: bool = False,
    ) -> Outcome:
        """Run a recipe at a refresh, in this process; ``shown``: on the instance of the UI, which
        takes a second of writing to SQLite."""
        project = load_project([name])
        definitions = build_definitions(project, [name])
        return run_refresh(
            project, definitions, name, refresh=refresh, rows=rows, changes=changes, shown=shown
        )

    def project(self) -> Project:
        """All that the present configuration loads."""
        return load_project()

    def _component(self, kind: str, place: str, attributes: dict[str, Any]) -> Path:
        file = self.folder / "recipes" / place / "defs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({"type": kind, "attributes": attributes}, sort_keys=False))
        return file


def new_workshop(folder: Path, model: Path, patch: pytest.MonkeyPatch) -> Workshop:
    """A factory in a folder, whose roles are all bound to ``model``."""
    (folder / "recipes").mkdir()
    config = {
        "root": "data",
        "roles": {role: {"model": str(model), "profile": "pocket"} for role in ROLES},
        "sources": {"pocket": 1.0},
        "held_out": "few_held_out",
        "recipes": ["recipes"],
    }
    (folder / "factory.yaml").write_text(yaml.safe_dump(config))
    workshop = Workshop(folder)
    workshop.enter(patch)
    workshop.source(**HELD_OUT)
    return workshop


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A factory of the test's own with no recipe beside the shipped ones, and no model."""
    return new_workshop(tmp_path, tmp_path / "no model", monkeypatch)


@pytest.fixture(scope="session")
def ran_once(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> tuple[Workshop, Outcome]:
    with pytest.MonkeyPatch.context() as patch:
        workshop = new_workshop(tmp_path_factory.mktemp("factory"), tiny_model, patch)
        workshop.recipe("first")
        return workshop, workshop.run("first", shown=True)


@pytest.fixture
def ran(
    ran_once: tuple[Workshop, Outcome], monkeypatch: pytest.MonkeyPatch
) -> tuple[Workshop, Outcome]:
    """A factory in which the recipe ``first`` has run once, at 2026-11-01. Tests share it, so they
    add recipes of their own and leave that one as it is."""
    ran_once[0].enter(monkeypatch)
    return ran_once


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window, which tests of pages drive."""
    api = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        pytest.fail("no Chromium is on the path: make test-browser installs one")
    with api.sync_playwright() as playwright:
        # Root, as CI runs, has no sandbox; the pages are this project's own.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine, which huggingface_hub talks to and has a token for."""
    with serving() as server:
        # HF_ENDPOINT and HF_HUB_DISABLE_XET, which are read when huggingface_hub is imported.
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def message() -> Callable[[BaseException], str]:
    """What a user would be told of an error."""
    from assets.config.errors import find_cause

    def told(error: BaseException) -> str:
        known = find_cause(error)
        assert known is not None, f"no explanation for {error!r}"
        return str(known)

    return told
