"""The shapes of rows in published datasets of preferences, ratings, answers and step labels.

A shape reads a row (a mapping of columns) and gives one `Sample`. Each module of this package has
its shapes in ``FOUND``, a tuple of `Shape`. ``factory import`` takes a shape of another package by
its import path.
"""

import importlib
import pkgutil
from collections.abc import Mapping

from assets.config.errors import FactoryError
from assets.importers.shapes.sample import (
    Demonstration,
    Preference,
    Row,
    Sample,
    SampleScore,
    Shape,
    ShapeError,
    Solution,
)
from schemas.named import UnknownNameError, instance_of, named
from schemas.near import near

__all__ = [
    "SHAPES",
    "Demonstration",
    "Preference",
    "Row",
    "Sample",
    "SampleScore",
    "Shape",
    "ShapeError",
    "Solution",
    "all_shapes",
    "shape_of",
]


def all_shapes() -> list[Shape]:
    """The shapes of this package, in the order of the modules' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return [shape for module in modules for shape in getattr(module, "FOUND", ())]


SHAPES: Mapping[str, Shape] = {name: shape for shape in all_shapes() for name in shape.names}
"""The shapes of this package, by each of their names."""


def shape_of(name: str) -> tuple[str, Shape]:
    """Find a shape.

    Args:
        name: One of `SHAPES`, or the import path of a `Shape` (``package.NAME``).

    Returns:
        The name in its usual spelling (``hh-rlhf`` for ``HH_RLHF``), and the shape.

    Raises:
        FactoryError: There is no such shape.
    """
    usual = name.lower().replace("_", "-")
    if usual in SHAPES:
        return usual, SHAPES[usual]
    if "." not in name:
        raise FactoryError(f"there is no format {name!r}; {near(usual, SHAPES)}")
    try:
        return name, named(name, instance_of(Shape, "a shape (assets.importers.shapes.Shape)"))
    except UnknownNameError as error:
        raise FactoryError(f"format {error}") from error
