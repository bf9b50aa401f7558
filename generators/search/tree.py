"""A search tree in memory, and as rows of `schemas.Nodes`: whole, so that it can be gone on with.

A node's id is a hash of its prompt and the steps that lead to it, so the same path has the same id
in every refresh. What order the nodes were made in, or their rows are read in, changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from schemas import content_id


@dataclass(eq=False, slots=True)
class Node:
    """A beginning of an answer: the steps from the root to it. The fields are those of
    `schemas.Nodes`; ``text`` is all of the beginning, ``closed`` whether nothing can be added below
    it any more."""

    node_id: str
    parent: "Node | None"
    step: str
    text: str
    depth: int
    prior: float | None
    made: Mapping[str, Any]
    own: float | None = None
    value: float | None = None
    visits: int = 0
    expanded: bool = False
    terminal: bool = False
    right: bool | None = None
    error: str | None = None
    closed: bool = False
    children: "list[Node]" = field(default_factory=list)

    def path(self) -> "list[Node]":
        """From this node up to the root, both included."""
        found = [self]
        while (above := found[-1].parent) is not None:
            found.append(above)
        return found

    def subtree(self) -> "Iterator[Node]":
        """This node and all below it, each before its children; of siblings the one with the
        larger prior first."""
        yield self
        for child in sorted(self.children, key=lambda one: (-(one.prior or 0.0), one.node_id)):
            yield from child.subtree()

    def add_child(self, step: str, *, prior: float | None, made: Mapping[str, Any]) -> "Node":
        """A new child. ``made`` is its origin."""
        node_id = content_id(self.node_id, step)
        child = Node(node_id, self, step, self.text + step, self.depth + 1, prior, made)
        self.children.append(child)
        return child

    def close(self) -> None:
        """Nothing can be added here; nor above, where nothing can be added elsewhere either."""
        self.closed = True
        above = self.parent
        if above is not None and above.expanded and all(one.closed for one in above.children):
            above.close()


def new_root(prompt_id: str, *, made: Mapping[str, Any]) -> Node:
    """The root of a new tree."""
    return Node(content_id("tree", prompt_id), None, "", "", 0, None, made)


def rows_of(root: Node, prompt_id: str) -> Iterator[tuple[Any, ...]]:
    """The tree's rows for `engines.operators.collect.Rows`, parents before their children."""
    for node in root.subtree():
        above = node.parent
        made = node.made
        yield (
            node.node_id,
            None if above is None else above.node_id,
            prompt_id,
            node.depth,
            node.step,
            node.visits,
            node.value,
            node.own,
            node.prior,
            node.expanded,
            node.terminal,
            node.right,
            node.error,
            made["operator"],
            made["model"],
            made["parameters"],
            made["seed"],
            made["parents"],
        )


def tree_from_rows(rows: pl.DataFrame, *, max_depth: int) -> Node:
    """The tree of one prompt's rows, in any order. Nothing is added deeper than ``max_depth``.

    Raises ValueError if they are not one tree: no root, or several, or a parent that is missing.
    """
    found: dict[str, Node] = {}
    for row in rows.sort("depth").iter_rows(named=True):
        above = None if row["parent_id"] is None else found.get(row["parent_id"])
        if above is None and (row["parent_id"] is not None or found):
            raise ValueError(f"node {row['node_id']} of the earlier tree hangs on no node")
        node = Node(
            row["node_id"],
            above,
            row["step"],
            row["step"] if above is None else above.text + row["step"],
            row["depth"],
            row["prior"],
            row["origin"],
            own=row["own"],
            value=row["value"],
            visits=row["visits"],
            expanded=row["expanded"],
            terminal=row["terminal"],
            right=row["terminal_correct"],
            error=row["error"],
        )
        found[node.node_id] = node
        if above is not None:
            above.children.append(node)
    if not found:
        raise ValueError("the earlier tree has no node")
    for node in reversed(found.values()):
        ends = node.terminal or node.expanded or node.depth >= max_depth
        node.closed = ends and all(child.closed for child in node.children)
    return next(iter(found.values()))
