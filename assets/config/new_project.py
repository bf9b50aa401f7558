"""The folder of a new project: configuration, an example recipe, an example operator, its test."""

import shutil
from pathlib import Path

from assets.config.bundled import bundled
from assets.config.errors import FactoryError

_CONFIGURATION = ("factory.yaml", "dagster.yaml", "workspace.yaml")
_RECIPES = """
# Folders of recipes, sources and datasets beside those that come with the package.
recipes: [recipes]
"""


def write_project(folder: Path) -> None:
    """Write a new project.

    Args:
        folder: The new folder. It is created if it is missing.

    Raises:
        FactoryError: The path is a file, or a folder that is not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise FactoryError(f"{folder} is a file: name a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise FactoryError(f"the folder {folder} is not empty: name a new or an empty folder")
    # pip compiles the modules of an installed package.
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(bundled("template"), folder, ignore=ignored, dirs_exist_ok=True)
    for name in _CONFIGURATION:
        shutil.copy(bundled(name), folder)
    with (folder / "factory.yaml").open("a", encoding="utf-8") as file:
        file.write(_RECIPES)
