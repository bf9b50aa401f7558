"""A user's own module that has the name of a package of the factory is named in the error."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from assets.config.errors import FactoryError
from assets.config.modules import PACKAGE_NAMES, make_importable
from tests.checkout import PROJECT


def test_the_packages_of_the_wheel_are_those_of_the_import_contracts() -> None:
    tools = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]
    packages = set(tools["importlinter"]["root_packages"])
    assert set(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == packages
    assert set(PACKAGE_NAMES) == packages
    assert [name for name in packages if not (PROJECT / name / "py.typed").is_file()] == []


@pytest.mark.parametrize("name", ["filters.py", "schemas.py", "kernels/__init__.py"])
def test_a_module_that_hides_a_package(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("X = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "assets.cli", "recipes"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    told = done.stderr.splitlines()[-1]
    assert done.returncode != 0
    assert str(tmp_path / name.removesuffix("/__init__.py")) in told
    assert "rename it" in told


def test_a_module_of_the_project_folder_that_a_package_hides(tmp_path: Path) -> None:
    (tmp_path / "filters.py").touch()
    with pytest.raises(FactoryError, match=r"filters\.py has the name of a package"):
        make_importable(tmp_path)
