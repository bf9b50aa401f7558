"""How to make rows again: the commands, and the versions of the installed packages."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from assets.storage.tables import Tables

PACKAGES = ("preference-factory", "torch", "transformers", "trl", "vllm", "polars")


def commands(tables: Tables, recipe: str, refreshes: Sequence[str]) -> str:
    """The commands that make refreshes of a recipe again, one on each line."""
    prompt_counts = [tables.read((recipe, "prompts"), refresh).height for refresh in refreshes]
    return "\n".join(
        f"factory run {recipe} --refresh {refresh} --rows {rows}"
        for refresh, rows in zip(refreshes, prompt_counts, strict=True)
        if rows
    )


def versions() -> str:
    """The installed versions of packages that can change the data."""
    installed = []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(installed)
