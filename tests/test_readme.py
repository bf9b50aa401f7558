"""What the README says works: its source, recipe and operator are run as they stand there."""

import json
import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from pocket import Problems
from tests.checkout import PROJECT
from tests.forked_commands import started

README = (PROJECT / "README.md").read_text()


def block(start: str) -> str:
    """The fenced block of the README that starts with ``start``."""
    blocks = re.findall(r"```\w+\n(.*?)```", README, flags=re.DOTALL)
    return next(text for text in blocks if text.startswith(start))


@pytest.fixture
def floor(tmp_path: Path) -> Path:
    """A folder of one's own: configuration, prompts, recipe and operator of the README."""
    settings = yaml.safe_load((PROJECT / "factory.yaml").read_text())
    for role in settings["roles"].values():
        role["model"] = str(PROJECT / role["model"])
    settings |= yaml.safe_load(block("sources:")) | {"recipes": ["mine"], "root": "data"}
    # Fewer problems to measure policies on: that is most of the time.
    settings |= {"held_out": "few"}
    (tmp_path / "factory.yaml").write_text(yaml.safe_dump(settings))

    rows = islice(Problems(seed=5).prompts(), 16)
    problems = [{"question": r["messages"][0]["content"], "answer": r["reference"]} for r in rows]
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "problems.jsonl").write_text("\n".join(map(json.dumps, problems)))

    (tmp_path / "doubts.py").write_text(block("from collections.abc import Sequence"))
    recipe = yaml.safe_load(block("type: assets.Recipe"))
    doubting = yaml.safe_load(block("type: assets.Recipe"))
    doubting["attributes"]["name"] = "doubting"
    stages = doubting["attributes"]["stages"]
    stages["right"] = {"use": "doubts.Doubt", "of": "distinct"}
    del stages["policy"], stages["validated"]
    held_out = PROJECT / "recipes" / "sources" / "held_out" / "defs.yaml"
    few = yaml.safe_load(held_out.read_text())
    few["attributes"] |= {"name": "few", "rows": 4}
    for name, component in {
        "source": yaml.safe_load(block("type: assets.Source")),
        "few": few,
        "careful": recipe,
        "doubting": doubting,
        "mixed": yaml.safe_load(block("type: assets.Dataset")),
    }.items():
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "defs.yaml").write_text(yaml.safe_dump(component))
    return tmp_path


def factory(project: Path, *arguments: str) -> Any:
    environment = {
        "FACTORY_CONFIG": str(project / "factory.yaml"),
        "DAGSTER_HOME": str(project / "dagster"),
        "OMP_NUM_THREADS": "1",
    }
    printed = project / "printed"
    process = started([*arguments, "--json"], os.environ | environment, printed)
    process.join()
    assert process.exitcode == 0, printed.with_suffix(".err").read_text()
    return json.loads(printed.read_text())


def test_recipes_of_ones_own_run_on_prompts_of_ones_own(floor: Path) -> None:
    # The recipe's own dataset grows by its pairs, and so does the one that mixes it.
    datasets = {"careful": ["careful", "mixed"], "doubting": ["doubting"]}
    assert datasets.keys() <= {one["id"] for one in factory(floor, "recipes")}
    for recipe, names in datasets.items():
        stages = factory(floor, "run", recipe, "--rows", "12")["stages"]
        assert stages["prompts"]["kept"] == 12
        assert stages["right"]["kept"] > 0
        assert stages["pairs"]["kept"] > 0
        for name in names:
            version = floor / "data/datasets" / name / "versions/000001.json"
            parts = json.loads(version.read_text())["parts"]
            assert sum(part["rows"] for part in parts) == stages["pairs"]["kept"]


def test_every_command_that_the_readme_names_is_there() -> None:
    for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE)
    helped = subprocess.run(
        [sys.executable, "-m", "assets.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in set(re.findall(r"`factory ([a-z]+)", README)):
        assert command in helped
