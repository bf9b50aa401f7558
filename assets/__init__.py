"""The factory project: recipes become Dagster assets, checks and jobs; tables land; the CLI runs
it.

`Recipe`, `Source` and `Dataset` are the components that ``defs.yaml`` names (``type:
assets.Recipe``). They are looked up when first asked for, so that ``factory --help`` does not wait
for Dagster.
"""

from typing import TYPE_CHECKING, Any

from assets.config.modules import check_packages

if TYPE_CHECKING:
    from assets.components.dataset import Dataset
    from assets.components.recipe import Recipe
    from assets.components.source import Source

__all__ = ["Dataset", "Recipe", "Source"]

check_packages()


def __getattr__(name: str) -> Any:
    if name == "Dataset":
        from assets.components.dataset import Dataset

        return Dataset
    if name == "Recipe":
        from assets.components.recipe import Recipe

        return Recipe
    if name == "Source":
        from assets.components.source import Source

        return Source
    raise AttributeError(f"module 'assets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
