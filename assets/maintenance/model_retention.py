"""Which checkpoints of downstream models may be removed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from assets.maintenance.usage import size
from assets.project.project import Project
from assets.storage.model_versions import ModelVersion, ModelVersions
from assets.storage.tables import Tables

PREVIOUS = 2
"""``policy`` and ``policy@previous`` have the last two promoted versions."""

Kept = Mapping[tuple[str, int], ModelVersion]
"""Versions by the name of their model and their number."""


def kept_versions(project: Project, *, keep_versions: int, keep_refreshes: int) -> Kept:
    """The versions of models whose checkpoints are kept.

    Args:
        project: The project.
        keep_versions: How many of the newest versions of each model are kept.
        keep_refreshes: How many of the newest refreshes of each recipe may be run again. The
            promoted versions that a role has at one of them are kept.
    """
    since = _oldest_refresh(project, keep_refreshes)
    kept = {}
    for name in sorted(project.models):
        versions = ModelVersions(project.settings.models_path, name)
        numbers, promoted = versions.numbers(), versions.promoted()
        before = [each.version for each in promoted if since is None or each.refresh < since]
        after = [each.version for each in promoted if since is not None and each.refresh >= since]
        # A backfill of refreshes asks for versions of before; today's roles ask for the newest.
        roles = {*before[-PREVIOUS:], *after}
        for number in numbers:
            if number in numbers[-keep_versions:] or number in roles:
                kept[name, number] = versions.version(number)
    return kept


def old_versions(
    project: Project, kept: Kept, needed: Sequence[Path]
) -> Iterator[tuple[str, Path, int]]:
    """The checkpoints that can be removed: a description, the folder, and its size in bytes.

    Args:
        project: The project.
        kept: The versions that are kept.
        needed: Weights that must stay: those of roles, and those that kept checkpoints start from.
    """
    for name in sorted(project.models):
        versions = ModelVersions(project.settings.models_path, name)
        for number in versions.numbers():
            place = versions.checkpoints(number).resolve()
            used = any(path.is_relative_to(place) for path in needed)
            if (name, number) not in kept and not used and place.is_dir():
                yield f"checkpoints of models/{name}, version {number}", place, size(place)


def _oldest_refresh(project: Project, keep: int) -> str | None:
    """The oldest of the newest ``keep`` refreshes of each recipe."""
    tables = Tables(project.settings.root_path)
    days = [tables.refreshes((recipe, "prompts")) for recipe in project.recipes]
    return min((sorted(each)[-keep:][0] for each in days if each), default=None)
