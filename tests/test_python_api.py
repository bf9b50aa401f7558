"""The Python API: what docs/python.md says, and what a script relies on."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assets import Factory
from assets.config.errors import FactoryError
from assets.config.new_project import write_project
from generators import Sample

PAGE = Path(__file__).parent.parent / "docs" / "python.md"


FEW = """
type: assets.Source
attributes:
  name: few
  read: {use: pocket.Problems, split: held_out}
  check: pocket.check
  rows: 8
  fixed: true
"""


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Factory:
    """A new project, with few problems to measure models on."""
    folder = tmp_path / "project"
    write_project(folder)
    few = folder / "recipes" / "sources" / "few" / "defs.yaml"
    few.parent.mkdir(parents=True)
    few.write_text(FEW)
    monkeypatch.setenv("FACTORY_CONFIG", str(folder / "factory.yaml"))
    monkeypatch.setenv("FACTORY_HELD_OUT", "few")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return Factory.open()


def test_the_page_s_code_runs(factory: Factory) -> None:
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), names)  # our own page
    assert names["responses"].kept.height == 8
    stages = [stage.name for stage in factory.recipes["online_dpo"].planned(factory.settings)]
    assert list(names["preview"]) == ["prompts", *stages[: stages.index("policy")]]
    # What was previewed is stored nowhere; what was refreshed is.
    assert factory.project.tables.refreshes(("online_dpo", "responses")) == []
    assert factory.read("p_true").height == names["outcome"].stages["pairs"]["kept"]
    version = names["version"]
    assert Path(version.path, "model.safetensors").is_file()
    assert factory.models["brief"] == [version]
    assert factory.train("brief") == version


def test_a_preview_is_journaled(factory: Factory) -> None:
    first = factory.preview("online_dpo", rows=2)["responses"].report.usage
    again = factory.preview("online_dpo", rows=2)["responses"].report.usage
    assert first.model_calls > 0
    assert again.model_calls == 0
    assert again.journal_hits == first.model_calls


def test_what_is_not_there_is_named(factory: Factory) -> None:
    with pytest.raises(FactoryError, match="there is no recipe 'online_dop'; did you mean"):
        factory.preview("online_dop")
    with pytest.raises(FactoryError, match="there is no source 'nowhere'"):
        factory.prompts("nowhere", rows=1)
    with pytest.raises(FactoryError, match="Sample reads 'prompts'"):
        factory.run(Sample(n=1))
    with pytest.raises(FactoryError, match="there is no model 'breif'; did you mean"):
        factory.train("breif")
    with pytest.raises(FactoryError, match="has no rows yet"):
        factory.read("online_dpo", "pairs")


def test_operators_run_without_dagster(factory: Factory) -> None:
    code = """
import sys
from assets import Factory
from generators import Sample

factory = Factory.open()
factory.run(Sample(n=1, max_tokens=4), prompts=factory.prompts("pocket", rows=1))
sys.exit("dagster" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
