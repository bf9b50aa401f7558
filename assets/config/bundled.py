"""Files that come with the package: the shipped recipes and the configuration of a new project.

In a checkout they are at the root of the repository. In a wheel they are in ``assets/bundled``
(see ``force-include`` in ``pyproject.toml``).
"""

from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2]
"""The folder of the packages: the root of a checkout, or ``site-packages``."""

_WHEEL = PACKAGES / "assets" / "bundled"


def bundled(name: str) -> Path:
    """The path of a file or folder that comes with the package.

    Args:
        name: The path in a checkout: ``recipes``, ``factory.yaml``, ``docs/claims.json``.
    """
    return (_WHEEL if _WHEEL.is_dir() else PACKAGES) / name
