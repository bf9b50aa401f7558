"""Selection rules of a tree search: which node is expanded next.

A rule depends on the tree alone. Of equal nodes the one with the larger prior is taken, then the
one with the larger id, which is a hash.
"""

from collections.abc import Callable, Iterable
from math import inf, log, sqrt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from generators.search.backups import UNKNOWN
from generators.search.tree import Node


class PUCT(BaseModel):
    """Goes down from the root to the child with the largest Q + c * prior * sqrt(N) / (1 + n). N
    and n are the visits of the parent and the child (Silver et al. 2017, arXiv:1712.01815; as in
    the public code of AlphaMath and MCTS-DPO)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["puct"] = "puct"
    c: float = Field(default=1.0, ge=0)

    def leaf(self, root: Node) -> Node | None:
        """The node to expand next; None if there is none."""
        return _down(root, self.score)

    def score(self, node: Node) -> float:
        """The score of a child among its siblings."""
        above = 0 if node.parent is None else node.parent.visits
        return worth(node) + self.c * (node.prior or 0.0) * sqrt(above) / (1 + node.visits)


class UCT(BaseModel):
    """Goes down from the root to a child without visits, or else to the child with the largest Q +
    c * sqrt(2 ln N / n) (Kocsis and Szepesvari 2006; as in the public code of ReST-MCTS*)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["uct"] = "uct"
    c: float = Field(default=0.7, ge=0)

    def leaf(self, root: Node) -> Node | None:
        """The node to expand next; None if there is none."""
        return _down(root, self.score)

    def score(self, node: Node) -> float:
        """The score of a child among its siblings. Children without visits come first, the best of
        them first."""
        if not node.visits:
            # More than a visited child can have: a value is at most 1 and ln N / n at most N.
            return 2 + worth(node) + self.c * sqrt(2 * self._total(node))
        return worth(node) + self.c * sqrt(2 * log(self._total(node)) / node.visits)

    @staticmethod
    def _total(node: Node) -> int:
        return max(1, 0 if node.parent is None else node.parent.visits)


class BestFirst(BaseModel):
    """The node with the highest value of all nodes that can be expanded, anywhere in the tree
    (Tree-PLV, He et al. 2024, arXiv:2407.00390)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["best_first"] = "best_first"

    def leaf(self, root: Node) -> Node | None:
        """The node to expand next; None if there is none."""
        return _best(_frontier(root), worth)


class Omega(BaseModel):
    """The choice of OmegaPRM among all nodes that can be expanded: the largest alpha ** (1 - MC) *
    beta ** (length / longest), with MC the node's value and the length in words. A node whose
    rollouts all end alike (MC 0 or 1) is taken only if no other is left.

    Source: Luo et al. 2024 (arXiv:2406.06592), as openr implements it; not checked against the
    paper. There a node is chosen together with one of its wrong rollouts, and a term counts how
    often the node was chosen. Here a node is expanded once, so that term is the same for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["omega"] = "omega"
    alpha: float = Field(default=0.5, gt=0, le=1)
    beta: float = Field(default=0.9, gt=0, le=1)
    longest: int = Field(default=500, ge=1)

    def leaf(self, root: Node) -> Node | None:
        """The node to expand next; None if there is none."""
        return _best(_frontier(root), self.score)

    def score(self, node: Node) -> float:
        """The score of a node among all that can be expanded."""
        value = worth(node)
        length = len(node.text.split()) / self.longest
        preferred = 1.0 if 0 < value < 1 else 0.0
        return preferred + float(self.alpha ** (1 - value) * self.beta**length)


Selection = Annotated[PUCT | UCT | BestFirst | Omega, Field(discriminator="by")]


def worth(node: Node) -> float:
    """The value of a node, or `UNKNOWN` if it has none."""
    return UNKNOWN if node.value is None else node.value


def _down(root: Node, score: Callable[[Node], float]) -> Node | None:
    node = root
    while node.expanded and not node.closed:
        best = _best((child for child in node.children if not child.closed), score)
        assert best is not None, "a node that is not closed can be gone on with somewhere"
        node = best
    return None if node.closed else node


def _frontier(root: Node) -> Iterable[Node]:
    return (node for node in root.subtree() if not node.expanded and not node.closed)


def _best(nodes: Iterable[Node], score: Callable[[Node], float]) -> Node | None:
    return max(
        nodes,
        key=lambda one: (score(one), -inf if one.prior is None else one.prior, one.node_id),
        default=None,
    )
