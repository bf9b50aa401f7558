"""Chooses the nodes of a large search tree to show."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Branch:
    """A shown node: its row of `schemas.Nodes`, the index of its parent among the shown nodes (None
    for a root), its depth, and the number of its children that are not shown."""

    node: Mapping[str, Any]
    parent: int | None
    depth: int
    hidden: int

    @property
    def ends(self) -> str | None:
        """``right``, ``wrong`` or ``unknown`` for a node that ends an answer, else None."""
        if not self.node["terminal"]:
            return None
        return {True: "right", False: "wrong", None: "unknown"}[self.node["terminal_correct"]]


def thinned(nodes: pl.DataFrame, most: int) -> list[Branch]:
    """Choose at most ``most`` of ``nodes`` (`schemas.Nodes` of one prompt), in depth-first order.

    The choice begins with the root. The next node is always the most visited one whose parent is
    already shown, so the shown nodes are connected. A node whose parent was dropped counts as a
    root.
    """
    rows = nodes.to_dicts()
    node_ids = {row["node_id"] for row in rows}
    children: dict[str | None, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        children[row["parent_id"] if row["parent_id"] in node_ids else None].append(number)
    waiting: list[tuple[int, int]] = []
    chosen: set[int] = set()

    def offer(parent: str | None) -> None:
        for number in children[parent]:
            heappush(waiting, (-rows[number]["visits"], number))

    offer(None)
    while waiting and len(chosen) < most:
        _, number = heappop(waiting)
        chosen.add(number)
        offer(rows[number]["node_id"])

    branches: list[Branch] = []
    ahead: list[tuple[int, int | None, int]] = [
        (number, None, 0) for number in reversed(children[None]) if number in chosen
    ]
    while ahead:
        number, parent, depth = ahead.pop()
        below = children[rows[number]["node_id"]]
        chosen_children = [child for child in below if child in chosen]
        index = len(branches)
        branches.append(Branch(rows[number], parent, depth, len(below) - len(chosen_children)))
        ahead += [(child, index, depth + 1) for child in reversed(chosen_children)]
    return branches
