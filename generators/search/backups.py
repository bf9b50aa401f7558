"""Back-up rules of a tree search: how a node's value follows from its subtree.

A rule is a function of the node alone: of the evaluator's value for it (``own``), and of the values
and visits of its children. So a tree that is read from a table has the same values as before.
Values are in [0, 1]; None means unknown.

A node is visited when it is expanded, when it ends an answer, and whenever a node below it is
visited. So its visits are 1 plus the visits of its children.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from generators.search.tree import Node

Rule = Callable[[Node], float | None]
Backup = Literal["own", "mean", "max", "children", "alpha", "rest"]

UNKNOWN = 0.5
"""The value of a node about which nothing is known: 0 on AlphaMath's scale from -1 to +1."""


def own(node: Node) -> float | None:
    """The evaluator's value, whatever is below: the rule of Tree-PLV and OmegaPRM, whose values are
    rollouts of each prefix."""
    return node.own


def mean(node: Node) -> float | None:
    """The mean of all evaluations in the visited subtree, its own included (Q of AlphaZero; Silver
    et al. 2017, arXiv:1712.01815)."""
    own_value = [(node.own, 1)] if node.own is not None else []
    return _weighted_mean([*own_value, *_visited(node)], node.own)


def alpha(node: Node) -> float | None:
    """The rule of AlphaMath (Chen et al. 2024, arXiv:2405.03553), as in its public code: a node's
    value is the mean of all values that were added to it.

    A right end adds +1 and a wrong end −1, up to the root, when it is proposed. An expanded node
    adds the value of the value model. Values are mapped from [-1, 1] to [0, 1], which does not
    change the mean. Without a value model, as in the first round, an expansion counts 0, here 1/2.
    """
    own_value = UNKNOWN if node.own is None else node.own
    return _weighted_mean([(own_value, 1), *_visited(node)], node.own)


def largest(node: Node) -> float | None:
    """The largest value of a child: what the best known continuation gives."""
    return max((one.value for one in node.children if one.value is not None), default=node.own)


def children(node: Node) -> float | None:
    """The mean of the children, each weighted by its visits (at least 1): the rule of MCTS-DPO (Xie
    et al. 2024, arXiv:2405.00451). Its public code adds up differences of values from step to step
    instead."""
    weighted = [(one.value, max(1, one.visits)) for one in node.children if one.value is not None]
    return _weighted_mean(weighted, node.own)


def visited_children(node: Node) -> float | None:
    """The mean of the children, weighted by their visits, without the node's own evaluation: the
    rule of ReST-MCTS* during search (Zhang et al. 2024, arXiv:2406.03816, and its public code)."""
    return _weighted_mean(_visited(node), node.own)


RULES: dict[Backup, Rule] = {
    "own": own,
    "mean": mean,
    "max": largest,
    "children": children,
    "alpha": alpha,
    "rest": visited_children,
}


def back_up(nodes: Iterable[Node], rule: Rule) -> None:
    """Set the value of each of ``nodes``. Children must come before their parents."""
    for node in nodes:
        node.value = rule(node) if node.expanded else node.own


def infer(root: Node) -> None:
    """Set the quality value of every node of a finished tree, as ReST-MCTS* infers it: v_0 = 0 at
    the root, then v_k = max(v_{k-1} + w_k, 0) with w_k = (1 - v_{k-1}) / (m_k + 1) * (1 - 2 r_k).

    m_k is the smallest number of steps from the node to a right end. r_k is 1 if there is no right
    end below the node; m_k is then that of the nearest ancestor that has one. So a right end has
    the value 1. In a tree without a right end every value is None.

    Source: Zhang et al. 2024 (arXiv:2406.03816), section 3.1. m_k of a wrong step follows the
    public code (THUDM/ReST-MCTS, ``MCTS/base.py``), whose ``min_steps_to_correct`` is m_k + 1.
    """
    distances: dict[Node, int | None] = {}
    for node in reversed(list(root.subtree())):
        child_distances = [
            steps for child in node.children if (steps := distances[child]) is not None
        ]
        distances[node] = 0 if node.right else min(child_distances) + 1 if child_distances else None
    for node in root.subtree():
        if distances[root] is None:
            node.value = None
        elif node.parent is None:
            node.value = 0.0
        else:
            distance = next(steps for one in node.path() if (steps := distances[one]) is not None)
            before = node.parent.value or 0.0
            wrong = distances[node] is None
            gain = (1 - before) / (distance + 1) * (-1 if wrong else 1)
            node.value = max(before + gain, 0.0)


def _visited(node: Node) -> list[tuple[float, int]]:
    return [(one.value, one.visits) for one in node.children if one.value is not None]


def _weighted_mean(weighted: list[tuple[float, int]], default: float | None) -> float | None:
    weight = sum(count for _, count in weighted)
    if not weight:
        return default
    # Rounding must not move a mean out of [0, 1].
    return min(1.0, max(0.0, sum(value * count for value, count in weighted) / weight))
