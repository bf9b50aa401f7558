"""How datasets of preferences, ratings, answers and step labels are written, row by row.

A shape reads a row (a mapping of columns) and gives one `Sample`. Each module of this package holds
the shapes of one kind as ``FOUND``, a tuple of `Shape`. A shape of another package is given to
``factory import`` by its import path.
"""

import importlib
import pkgutil
from collections.abc import Mapping

from assets.config.errors import FactoryError, near
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
    """The shapes, in the order of the modules' names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}") for name in modules]
    return [shape for module in found for shape in getattr(module, "FOUND", ())]


SHAPES: Mapping[str, Shape] = {name: shape for shape in all_shapes() for name in shape.names}
"""The shapes of this package, by each of their names."""


def shape_of(name: str) -> tuple[str, Shape]:
    """The shape that ``name`` names, and the name in its usual spelling (``HH_RLHF``: ``hh-rlhf``).

    ``name`` is one of `SHAPES`, or the import path of a `Shape` (``package.NAME``). Raises
    `FactoryError` if there is no such shape.
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
