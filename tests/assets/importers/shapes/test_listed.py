"""The table of shapes in the docs is that of the code."""

from pathlib import Path

from assets.importers.shapes import SHAPES, all_shapes
from assets.importers.shapes.listed import shapes_table


def test_the_docs_hold_the_table() -> None:
    docs = Path(__file__).parents[4] / "docs" / "imports.md"
    assert shapes_table() in docs.read_text(), "put what `factory import --list` prints there"


def test_each_name_is_of_one_shape() -> None:
    names = [name for shape in all_shapes() for name in shape.names]
    assert len(names) == len(set(names)) == len(SHAPES)
