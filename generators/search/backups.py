"""What a node is worth once something is known below it: the back-up of a tree search.

Every rule is a function of the node alone: of what the evaluator said of it (``own``), and of its
children's values and visits. So a tree that was stored has the values that it had. Values are in
[0, 1]; None where nothing is known.

Visits: a node is visited when it is expanded, or by being an end of the answer, and with every
node below it that is. So its visits are 1 and those of its children together.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from generators.search.tree import Node

Rule = Callable[[Node], float | None]
Backup = Literal["own", "mean", "max", "children", "alpha", "rest"]

UNKNOWN = 0.5
"""What stands for a value of which nothing is known: 0 on AlphaMath's scale from -1 to +1."""


def own(node: Node) -> float | None:
    """What the evaluator said, whatever is found below: Tree-PLV's and OmegaPRM's, whose values are
    rollouts of each beginning."""
    return node.own


def mean(node: Node) -> float | None:
    """The mean of all evaluations in the subtree that the search visited, its own among them
    (the Q of AlphaZero; Silver et al. 2017, arXiv:1712.01815)."""
    mine = [(node.own, 1)] if node.own is not None else []
    return _weighed([*mine, *_visited(node)], node.own)


def alpha(node: Node) -> float | None:
    """AlphaMath's (Chen et al. 2024, arXiv:2405.03553): +1 for an end that is right and -1 for one
    that is wrong are added up to the root as soon as the end is proposed, and so is what the value
    model says of a node that is expanded; a node's value is the mean, as its public code has it.
    Mapped from [-1, 1] to [0, 1], which a mean commutes with. Without a value model, as in the
    first round, an expansion counts 0, here 1/2."""
    mine = UNKNOWN if node.own is None else node.own
    return _weighed([(mine, 1), *_visited(node)], node.own)


def largest(node: Node) -> float | None:
    """The best child's value: what there is to win for who goes on in the best way known."""
    return max((one.value for one in node.children if one.value is not None), default=node.own)


def children(node: Node) -> float | None:
    """The mean of the children, each by its visits and once at least: MCTS-DPO's (Xie et al. 2024,
    arXiv:2405.00451), whose public code adds up increments of value from step to step instead of
    values."""
    every = [(one.value, max(1, one.visits)) for one in node.children if one.value is not None]
    return _weighed(every, node.own)


def visited_children(node: Node) -> float | None:
    """The mean of the children by their visits, the node's own evaluation no longer among them:
    ReST-MCTS*'s in search (Zhang et al. 2024, arXiv:2406.03816, and its public code)."""
    return _weighed(_visited(node), node.own)


RULES: dict[Backup, Rule] = {
    "own": own,
    "mean": mean,
    "max": largest,
    "children": children,
    "alpha": alpha,
    "rest": visited_children,
}


def back_up(nodes: Iterable[Node], rule: Rule) -> None:
    """Give each of ``nodes`` its value, children before their parents."""
    for node in nodes:
        node.value = rule(node) if node.expanded else node.own


def infer(root: Node) -> None:
    """Give every node the quality value that ReST-MCTS* infers from a finished tree in which some
    end is right: v_0 = 0 at the root, then v_k = max(v_{k-1} + w_k, 0) with
    w_k = (1 - v_{k-1}) / (m_k + 1) * (1 - 2 r_k).

    m_k is the fewest steps from the node to a right end, and r_k 1 where there is none below it;
    m_k is then that of its nearest ancestor which has one. So a right end has the value 1. In a
    tree without a right end nothing can be inferred, and every value is None.

    Source: Zhang et al. 2024 (arXiv:2406.03816), section 3.1; what m_k is of a wrong step follows
    the public code (THUDM/ReST-MCTS, ``MCTS/base.py``), whose ``min_steps_to_correct`` is m_k + 1.
    """
    away: dict[Node, int | None] = {}
    for node in reversed(list(root.subtree())):
        near = [known for child in node.children if (known := away[child]) is not None]
        away[node] = 0 if node.right else min(near) + 1 if near else None
    for node in root.subtree():
        if away[root] is None:
            node.value = None
        elif node.parent is None:
            node.value = 0.0
        else:
            near_by = next(steps for one in node.path() if (steps := away[one]) is not None)
            before = node.parent.value or 0.0
            wrong = away[node] is None
            gain = (1 - before) / (near_by + 1) * (-1 if wrong else 1)
            node.value = max(before + gain, 0.0)


def _visited(node: Node) -> list[tuple[float, int]]:
    return [(one.value, one.visits) for one in node.children if one.value is not None]


def _weighed(told: list[tuple[float, int]], otherwise: float | None) -> float | None:
    weight = sum(count for _, count in told)
    if not weight:
        return otherwise
    # Rounding must not carry a mean out of the range of what it is the mean of.
    return min(1.0, max(0.0, sum(value * count for value, count in told) / weight))
