"""The numbers of the stored versions of a dataset or a model, in ``versions/000003.json``."""

from collections.abc import Sequence
from pathlib import Path

from upath import UPath

from assets.storage.tables import MissingTableError


def version_numbers(folder: UPath | Path) -> list[int]:
    """The numbers of the versions in ``folder``, oldest first; empty if there is no folder."""
    if not folder.is_dir():
        return []
    names = (path.name.removesuffix(".json") for path in folder.iterdir())
    return sorted(int(name) for name in names if name.isdigit())


def stored_version(numbers: Sequence[int], wanted: int | None, *, of: str, none: str) -> int:
    """The number of a version that is stored; by default the newest.

    Args:
        numbers: The stored numbers, oldest first.
        wanted: The number, or None.
        of: What has the versions, such as ``datasets/mixed``.
        none: The message if there is no version.

    Raises:
        MissingTableError: There is no such version.
    """
    if not numbers:
        raise MissingTableError(none)
    number = numbers[-1] if wanted is None else wanted
    if number not in numbers:
        stored = ", ".join(map(str, numbers))
        raise MissingTableError(f"{of} has no version {number}; stored versions: {stored}")
    return number
