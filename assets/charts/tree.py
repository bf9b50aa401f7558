"""Draws a search tree. A line has a node's visits, coloured by value, its step and its outcome."""

import polars as pl
from markupsafe import Markup

from assets.charts.branches import Branch, thinned
from assets.charts.svg import CELL, TITLE, WIDTH, Picture, elbow, figure, key, rect, shade, text
from assets.charts.words import lines, shortened

MOST = 32
"""The most nodes in a picture."""

EDGE = 14
LINE = 24
INDENTED = 260
"""The most pixels of indentation, for a tree of any depth."""

VALUE, END = WIDTH - 88, WIDTH - EDGE
ENDS = {
    "right": ("✓ right", "good"),
    "wrong": ("✗ wrong", "bad"),
    "unknown": ("end", "quiet"),
}


def tree_picture(nodes: pl.DataFrame, prompt: str, *, most: int = MOST) -> Picture:
    """Draw the tree of one ``prompt`` (`schemas.Nodes`), with at most ``most`` nodes.

    The thickness of a line is the share of the parent's visits that went through it.
    """
    branches = thinned(nodes, most)
    ends = nodes.filter("terminal")["terminal_correct"]
    counted = (
        f"{nodes.height:,} nodes, {ends.len():,} ends: {ends.sum():,} right, "
        f"{(~ends).sum():,} wrong"
        + (f", {ends.null_count():,} nobody can tell" if ends.null_count() else "")
    )
    shapes: list[Markup] = []
    y = 10.0
    for line in lines(prompt, int((WIDTH - 2 * EDGE) / TITLE), 3):
        y += 18
        shapes.append(text(EDGE, y, line, "title"))
    shapes.append(text(EDGE, y + 20, counted, "quiet"))
    shapes.append(text(VALUE, y + 20, "value", "quiet", anchor="end"))
    top = y + 32
    deepest = max((branch.depth for branch in branches), default=0)
    indent = min(22.0, INDENTED / max(1, deepest))
    middles = [top + LINE * (number + 0.5) for number in range(len(branches))]
    for branch, middle in zip(branches, middles, strict=True):
        if branch.parent is not None:
            above = branches[branch.parent]
            share = branch.node["visits"] / max(1, above.node["visits"])
            from_x = EDGE + above.depth * indent + 9
            x = EDGE + branch.depth * indent
            shapes.append(
                elbow(from_x, middles[branch.parent] + 9, x, middle, 1 + 3 * min(share, 1))
            )
    for branch, middle in zip(branches, middles, strict=True):
        shapes += _line(branch, EDGE + branch.depth * indent, middle)
    y = top + LINE * len(branches) + 18
    shapes += key(EDGE, y, "visits, coloured by value from 0 to 1")
    hidden = nodes.height - len(branches)
    if hidden:
        note = f"{hidden:,} less visited nodes are left out"
        shapes.append(text(END, y, note, "quiet", anchor="end"))
        counted += f"; {note}"
    return Picture(y + EDGE, f"Search tree of {shortened(prompt, 120)}: {counted}", shapes)


def _line(branch: Branch, x: float, middle: float) -> list[Markup]:
    """The shapes of one node. Its box begins at ``x``."""
    node = branch.node
    visits = f"{node['visits']:,}"
    wide = 12 + 7 * len(visits)
    shapes = [
        rect(x, middle - 9, wide, 18, f"box {shade(node['value'], 0, 1)}", round=9),
        text(x + wide / 2, middle + 4, visits, "number", anchor="middle"),
        text(VALUE, middle + 4, figure(node["value"]), "number", anchor="end"),
    ]
    more = f"+{branch.hidden:,}" if branch.hidden else ""
    cells = int((VALUE - 44 - x - wide) / CELL) - len(more) - bool(more)
    step = shortened(node["step"], max(cells, 1))
    at = x + wide + 8
    if branch.parent is None and not step:
        shapes.append(text(at, middle + 4, "the prompt", "quiet"))
        at += 8 * CELL
    else:
        shapes.append(text(at, middle + 4, step, "step"))
    if more:
        shapes.append(text(VALUE - 40, middle + 4, more, "quiet", anchor="end"))
    if branch.ends is not None:
        label, kind = ENDS[branch.ends]
        shapes.append(text(END, middle + 4, label, kind, anchor="end"))
    return shapes
