"""Recipes with a served model: `factory.yaml` alone moves them there. Run by ``make test-vllm``."""

import os
from collections.abc import Iterator

import pytest
import yaml

from assets.definitions import build_definitions
from assets.project.project import Project, load_project
from assets.refresh import run_refresh
from tests.checkout import PROJECT
from tests.served import Served

pytestmark = pytest.mark.vllm

POCKET = PROJECT / "pocket" / "checkpoints"
REFRESH = "2026-11-01"
ROWS = 3
NAMES = (
    *("cdr", "mcts_dpo", "multi_critique", "online_dpo", "p_true", "psycho_counsel", "self_judge"),
    *("step_dpo", "tick"),
)
"""Recipes of each family that ask in ways of their own. A server on the processor takes half a
minute for each recipe; the others ask it in the same ways."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The base model behind a server; vLLM lives in an environment of its own."""
    log = tmp_path_factory.mktemp("served") / "server.log"
    python = os.environ.get("VLLM_PYTHON", str(PROJECT / ".venv-vllm" / "bin" / "python"))
    server = Served(POCKET / "base", log=log, python=python)
    try:
        server.wait()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def shipped(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The shipped recipes. The server speaks for every role; ``strong`` and ``weak`` score with
    weights of their own, for the ratio of a model to itself says nothing."""
    folder = tmp_path_factory.mktemp("shipped")
    config = yaml.safe_load((PROJECT / "factory.yaml").read_text())
    for role, binding in config["roles"].items():
        weights = role if role in ("strong", "weak") else "base"
        binding["model"] = str(POCKET / weights)
        binding["templates"] = str(PROJECT / binding["templates"])
        binding |= {"engine": "openai", "url": served.url, "served_as": "pocket"}
    few = {"name": "few", "check": "pocket.check", "rows": 8, "fixed": True}
    few["read"] = {"use": "pocket.Problems", "split": "held_out"}
    source = folder / "recipes" / "few" / "defs.yaml"
    source.parent.mkdir(parents=True)
    source.write_text(yaml.safe_dump({"type": "assets.Source", "attributes": few}))
    changes = {"root": str(folder / "data"), "held_out": "few", "recipes": ["recipes"]}
    (folder / "factory.yaml").write_text(yaml.safe_dump(config | changes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACTORY_CONFIG", str(folder / "factory.yaml"))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        yield load_project()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_generates_on_the_server_and_scores_with_the_weights(
    shipped: Project, name: str
) -> None:
    outcome = run_refresh(
        shipped, build_definitions(shipped, [name]), name, refresh=REFRESH, rows=ROWS
    )
    accounts = outcome.stages.values()
    assert sum(each["model_calls"] + each["journal_hits"] for each in accounts) > 0
    for stage, account in outcome.stages.items():
        refused = sum(account["dropped"].values())
        assert account["in"] == account["kept"] + refused, f"{name}/{stage} lost rows"
