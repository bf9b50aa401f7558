"""The factory: recipes as Dagster assets, and a Python API.

`Factory` opens a project in a script or a notebook. `Recipe`, `Source`, `Dataset` and `Model` are
the components that ``defs.yaml`` names (``type: assets.Recipe``). All are imported when first asked
for, so that ``factory --help`` does not wait for Dagster.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from assets.config.modules import check_packages

if TYPE_CHECKING:
    from assets.components.dataset import Dataset
    from assets.components.model import Model
    from assets.components.recipe import Recipe
    from assets.components.source import Source
    from assets.factory import Factory

__all__ = ["Dataset", "Factory", "Model", "Recipe", "Source"]

_MODULES = {
    "Dataset": "assets.components.dataset",
    "Factory": "assets.factory",
    "Model": "assets.components.model",
    "Recipe": "assets.components.recipe",
    "Source": "assets.components.source",
}

check_packages()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'assets' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
