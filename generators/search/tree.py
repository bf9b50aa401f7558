"""A search tree in memory and as rows of `schemas.Nodes`, from which a search can continue.

A node's id is a hash of its prompt and of the steps that lead to it, so the same path has the same
id in every refresh. The order of creation and the order of rows do not matter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from schemas import content_id


@dataclass(eq=False, slots=True)
class Node:
    """A prefix of an answer: the steps from the root to it. The fields are those of
    `schemas.Nodes`. ``text`` is the whole prefix. ``closed``: no node can be added below it."""

    node_id: str
    parent: "Node | None"
    step: str
    text: str
    depth: int
    prior: float | None
    origin: Mapping[str, Any]
    own: float | None = None
    value: float | None = None
    visits: int = 0
    expanded: bool = False
    terminal: bool = False
    finish: Literal["stop", "length"] | None = None
    right: bool | None = None
    error: str | None = None
    closed: bool = False
    children: "list[Node]" = field(default_factory=list)

    def path(self) -> "list[Node]":
        """From this node up to the root, both included."""
        nodes = [self]
        while (above := nodes[-1].parent) is not None:
            nodes.append(above)
        return nodes

    def subtree(self) -> "Iterator[Node]":
        """This node and all nodes below it, parents before children; of siblings the larger prior
        first."""
        yield self
        for child in sorted(self.children, key=lambda one: (-(one.prior or 0.0), one.node_id)):
            yield from child.subtree()

    def add_child(self, step: str, *, prior: float | None, origin: Mapping[str, Any]) -> "Node":
        """Add a child with its ``origin``, and return it."""
        node_id = content_id(self.node_id, step)
        child = Node(node_id, self, step, self.text + step, self.depth + 1, prior, origin)
        self.children.append(child)
        return child

    def close(self) -> None:
        """Mark that no node can be added here. The parent is closed too if all its children are."""
        self.closed = True
        above = self.parent
        if above is not None and above.expanded and all(one.closed for one in above.children):
            above.close()


def new_root(prompt_id: str, *, origin: Mapping[str, Any]) -> Node:
    """The root of a new tree."""
    return Node(content_id("tree", prompt_id), None, "", "", 0, None, origin)


def rows_of(root: Node, prompt_id: str) -> Iterator[tuple[Any, ...]]:
    """The rows of `schemas.Nodes` of a tree, parents before children."""
    for node in root.subtree():
        above = node.parent
        origin = node.origin
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
            node.finish,
            node.error,
            origin["operator"],
            origin["model"],
            origin["parameters"],
            origin["seed"],
            origin["parents"],
        )


def tree_from_rows(rows: pl.DataFrame, *, max_depth: int) -> Node:
    """The tree of one prompt's rows, which may come in any order.

    Args:
        rows: rows of `schemas.Nodes`.
        max_depth: no node is added deeper than this.

    Raises:
        ValueError: the rows are not one tree: there is no root, or more than one, or a parent
            is missing.
    """
    nodes: dict[str, Node] = {}
    for row in rows.sort("depth").iter_rows(named=True):
        above = None if row["parent_id"] is None else nodes.get(row["parent_id"])
        if above is None and (row["parent_id"] is not None or nodes):
            raise ValueError(
                f"node {row['node_id']}: its parent is missing from the earlier tree, "
                "or the tree has two roots"
            )
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
            finish=row["finish"],
            right=row["terminal_correct"],
            error=row["error"],
        )
        nodes[node.node_id] = node
        if above is not None:
            above.children.append(node)
    if not nodes:
        raise ValueError("the earlier tree has no node")
    for node in reversed(nodes.values()):
        ends = node.terminal or node.expanded or node.depth >= max_depth
        node.closed = ends and all(child.closed for child in node.children)
    return next(iter(nodes.values()))
