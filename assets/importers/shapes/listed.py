"""The table of all shapes, for ``factory import --list`` and ``docs/imports.md``."""

from assets.importers.shapes import all_shapes


def shapes_table() -> str:
    """A Markdown table of the shapes: names, what a row is, and the columns of each field."""
    lines = ["| format | a row is | fields (columns) |", "| --- | --- | --- |"]
    for shape in all_shapes():
        fields = (
            f"`{name}`" if columns == (name,) else f"`{name}` ({', '.join(columns)})"
            for name, columns in shape.fields.items()
        )
        names = ", ".join(f"`{name}`" for name in shape.names)
        lines.append(f"| {names} | {shape.what} | {', '.join(fields)} |".replace("\n", "\\n"))
    return "\n".join(lines)
