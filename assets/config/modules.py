"""Names of modules: the packages of the factory, and the user's own modules.

This module imports no other package of the factory at its top: a user's file may hide any of them.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from assets.config.bundled import PACKAGES

PACKAGE_NAMES = (
    "assets",
    "claims",
    "generators",
    "annotators",
    "filters",
    "trainers",
    "engines",
    "kernels",
    "schemas",
    "pocket",
    "instructions",
)
"""The top-level packages of the factory."""


def check_packages() -> None:
    """Check that each package of the factory is the one that Python imports by its name.

    Raises:
        ImportError: Another file has the name of a package and comes first on ``sys.path``.
    """
    for name in PACKAGE_NAMES:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin).resolve()
            if file != PACKAGES / name / "__init__.py":
                raise ImportError(_name_is_taken(file, name), name=name, path=spec.origin)


def make_importable(folder: Path) -> None:
    """Make the modules in the project folder importable. Installed modules come first.

    Args:
        folder: The folder of the configuration file.

    Raises:
        FactoryError: A module in the folder has the name of a package of the factory.
    """
    from assets.config.errors import FactoryError

    files = {
        file: name
        for name in PACKAGE_NAMES
        for file in (folder / f"{name}.py", folder / name / "__init__.py")
        if file.is_file()
    }
    # A folder that holds all of the packages is a checkout of the factory.
    if set(files.values()) != set(PACKAGE_NAMES):
        for file, name in files.items():
            raise FactoryError(_name_is_taken(file, name))
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _name_is_taken(file: Path, name: str) -> str:
    module = file.parent if file.name == "__init__.py" else file
    return (
        f"{module} has the name of a package of Preference Factory, {name!r}, so Python cannot "
        f"import both: rename it, for example to my_{module.name}, and change your imports of it"
    )
