"""How to make rows again: the commands, and the versions of the installed packages."""

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from shlex import quote
from typing import Any

from assets.project.changes import SET
from assets.project.recipe_plan import Stage
from assets.storage.tables import Tables

PACKAGES = ("preference-factory", "torch", "transformers", "trl", "vllm", "polars")


def commands(tables: Tables, recipe: str, stages: Sequence[Stage], refreshes: Sequence[str]) -> str:
    """The commands that make refreshes of a recipe again, one on each line."""
    lines = []
    for refresh in refreshes:
        rows = tables.height((recipe, "prompts"), refresh)
        if rows:
            changes = changed_parameters(tables, recipe, stages, refresh)
            given = [
                f"--set {quote(f'{name}={json.dumps(value, ensure_ascii=False)}')}"
                for name, value in changes.items()
            ]
            command = f"factory run {recipe} --refresh {refresh} --rows {rows}"
            lines.append(" ".join([command, *given]))
    return "\n".join(lines)


def changed_parameters(
    tables: Tables, recipe: str, stages: Sequence[Stage], refresh: str
) -> dict[str, Any]:
    """The parameters that the run of a refresh has set, as ``responses.max_tokens``."""
    return {
        f"{stage.name}.{name}": value
        for stage in stages
        for name, value in tables.about((recipe, stage.name), refresh).get(SET, {}).items()
    }


def versions() -> str:
    """The installed versions of packages that can change the data."""
    installed = []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(installed)
