"""Paths of the configuration: on this machine or on an object store."""

import os
from pathlib import Path

from upath import UPath

from assets.config.errors import SettingsError
from assets.config.variables import from_variable


def located(given: str) -> UPath:
    """A path on this machine or on an object store.

    Listings of a store are not cached. Several processes write there, and a cached listing would
    hide the refreshes of other processes.

    Raises:
        SettingsError: The kind of store is unknown.
    """
    try:
        path = UPath(given)
    except ValueError as error:
        raise SettingsError(f"{given} cannot be used as a path for files: {error}") from error
    return path if is_local(path) else UPath(given, use_listings_cache=False)


def is_local(path: UPath) -> bool:
    """Whether a path is on this machine."""
    return path.protocol in ("", "file", "local")


def check_root(root: UPath, file: Path) -> None:
    """Check the root of tables and exports.

    Args:
        root: The root.
        file: The configuration file.

    Raises:
        SettingsError: The root, or a parent of it, is a file.
    """
    if not is_local(root):
        return
    path = Path(root.path)
    existing = next(each for each in (path, *path.parents) if os.path.exists(each))
    if not existing.is_dir():
        raise SettingsError(
            f"{file}: field 'root': {existing} is not a folder: set another path"
            f"{from_variable('root')}"
        )
