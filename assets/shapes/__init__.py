"""How datasets of preferences, ratings, answers and step labels say what they say, row by row.

Each module holds the shapes of one kind as ``FOUND``, a tuple of `Shape`; whatever module lies in
this package is found. A shape reads a row (a mapping of columns) and gives one `Sample`.
"""

import importlib
import pkgutil
from collections.abc import Mapping

from assets.shapes.sample import (
    Demonstration,
    Preference,
    Row,
    Sample,
    Score,
    Shape,
    ShapeError,
    Solution,
)

__all__ = [
    "SHAPES",
    "Demonstration",
    "Preference",
    "Row",
    "Sample",
    "Score",
    "Shape",
    "ShapeError",
    "Solution",
    "all_shapes",
    "plain_name",
]


def all_shapes() -> list[Shape]:
    """The shapes, in the order of the modules' names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}") for name in modules]
    return [shape for module in found for shape in getattr(module, "FOUND", ())]


def plain_name(name: str) -> str:
    """A shape's name as `SHAPES` has it: ``HH_RLHF`` is ``hh-rlhf``."""
    return name.lower().replace("_", "-")


SHAPES: Mapping[str, Shape] = {name: shape for shape in all_shapes() for name in shape.names}
"""Every shape by each of its names."""
