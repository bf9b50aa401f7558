"""The file ``factory.yaml``: where it is, and the mapping in it."""

import os
from os.path import expanduser
from pathlib import Path
from typing import Any

from assets.config.bundled import PACKAGES
from assets.config.errors import SettingsError
from assets.config.yaml_file import YamlError, documents, unsound

FILE = "factory.yaml"


def config_file() -> Path:
    """The configuration file, which need not exist.

    Returns:
        The file that ``FACTORY_CONFIG`` names, or else ``factory.yaml`` of the current directory
        or the nearest of its parents that has one, or else of the checkout.
    """
    if named := os.environ.get("FACTORY_CONFIG"):
        return Path(expanduser(named)).resolve()
    here = Path.cwd()
    folders = (here, *here.parents, PACKAGES)
    return next((each / FILE for each in folders if (each / FILE).is_file()), here / FILE)


def settings_in(file: Path) -> dict[str, Any]:
    """The mapping in the file. Raises `SettingsError` if it holds no mapping."""
    try:
        parts = documents(file)
    except YamlError as error:
        field = f", field {error.field!r}" if error.field else ""
        raise SettingsError(f"{file}{field}: {error}") from None
    if len(parts) != 1 or not isinstance(parts[0].value, dict):
        what = "is empty" if not parts or parts[0].value is None else "is not a mapping in YAML"
        raise SettingsError(f"{file}: {what}: it must set root, roles and sources")
    wrong = unsound(parts[0].value)
    if wrong is not None:
        raise SettingsError(f"{file}: field {wrong[0]!r}: {wrong[1]}")
    return parts[0].value
