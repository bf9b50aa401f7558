"""How rows can be made again: the commands, and the versions of the installed packages."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from assets.storage.tables import Tables

PACKAGES = ("preference-factory", "torch", "transformers", "trl", "vllm", "polars")


def commands(tables: Tables, recipe: str, refreshes: Sequence[str]) -> str:
    """What to type to make ``refreshes`` of ``recipe`` again, a line each."""
    asked = [tables.read((recipe, "prompts"), refresh).height for refresh in refreshes]
    return "\n".join(
        f"factory run {recipe} --refresh {refresh} --rows {rows}"
        for refresh, rows in zip(refreshes, asked, strict=True)
        if rows
    )


def versions() -> str:
    """The installed versions of what can change the data."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
