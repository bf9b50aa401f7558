"""Back-ups and selection, on trees drawn by Hypothesis, against slow versions."""

from math import log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.search.backups import RULES, UNKNOWN, back_up, infer
from generators.search.selection import PUCT, UCT, BestFirst, Omega, worth
from generators.search.tree import Node, new_root

ORIGIN = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}
OWN = st.sampled_from([None, 0.0, 0.25, 0.5, 1.0])


@st.composite
def trees(draw: st.DrawFn, depth: int = 3, ends: bool = True) -> Node:
    """A tree whose nodes are expanded, ends or neither, visited as a search would have."""
    root = new_root("p", origin=ORIGIN)
    _grow(draw, root, depth, ends)
    root.expanded = True
    order = list(root.subtree())
    for node in reversed(order):
        subtree = sum(child.visits for child in node.children)
        node.visits = int(node.expanded or node.terminal) + subtree
        open_below = any(not child.closed for child in node.children)
        node.closed = not open_below and (node.terminal or node.expanded)
    return root


def _grow(draw: st.DrawFn, node: Node, depth: int, ends: bool) -> None:
    node.expanded = True
    for number in range(draw(st.integers(0, 3))):
        prior = draw(st.sampled_from([0.25, 0.5]))
        child = node.add_child(f"{number}\n", prior=prior, origin=ORIGIN)
        child.own = draw(OWN)
        kind = draw(st.sampled_from(["end", "open", "inner"] if ends else ["open", "inner"]))
        if kind == "end":
            child.terminal, child.right = True, draw(st.booleans())
            child.own = float(child.right)
        elif kind == "inner" and depth:
            _grow(draw, child, depth - 1, ends)


def evaluations(node: Node) -> list[float]:
    """What was said of every node below that the search visited: ends, and those expanded."""
    visited = (one for one in node.subtree() if one.expanded or one.terminal)
    return [UNKNOWN if one.own is None else one.own for one in visited]


def backed_up(root: Node, rule: str) -> Node:
    back_up(reversed(list(root.subtree())), RULES[rule])  # type: ignore[index]
    return root


@given(trees())
def test_visits_of_a_parent_are_one_and_those_of_its_children(root: Node) -> None:
    for node in root.subtree():
        subtree = sum(child.visits for child in node.children)
        assert node.visits == subtree + (node.expanded or node.terminal)


@given(trees())
def test_the_mean_is_that_of_all_evaluations_below(root: Node) -> None:
    for node in root.subtree():
        node.own = 0.5 if node.own is None else node.own
    for node in backed_up(root, "mean").subtree():
        if node.expanded:
            said = evaluations(node)
            assert node.value == pytest.approx(sum(said) / len(said))


@given(trees())
def test_what_nobody_has_an_opinion_of_moves_no_mean(root: Node) -> None:
    for node in root.subtree():
        node.own = None
    backed_up(root, "mean")
    assert all(node.value is None for node in root.subtree())


@given(trees())
def test_alphamath_takes_what_is_unknown_for_zero_between_minus_and_plus_one(root: Node) -> None:
    for node in backed_up(root, "alpha").subtree():
        if node.expanded:
            said = [2 * one - 1 for one in evaluations(node)]
            assert node.value is not None
            assert 2 * node.value - 1 == pytest.approx(sum(said) / len(said), abs=1e-9)


@given(trees())
def test_the_largest_is_found_by_walking_down_to_a_leaf(root: Node) -> None:
    for node in root.subtree():
        node.own = 0.5 if node.own is None else node.own
    for node in backed_up(root, "max").subtree():
        assert node.value == max(one.own or 0 for one in node.subtree() if not one.children)


@given(trees())
def test_children_count_by_their_visits_and_once_at_least(root: Node) -> None:
    for node in backed_up(root, "children").subtree():
        every = [one.value for one in node.children for _ in range(max(1, one.visits))]
        known = [one for one in every if one is not None]
        if known:
            assert node.value == pytest.approx(sum(known) / len(known))


@given(trees(), st.sampled_from(sorted(RULES)))
def test_values_are_of_the_range_and_a_single_child_hands_its_own_up(root: Node, rule: str) -> None:
    for node in backed_up(root, rule).subtree():
        assert node.value is None or 0 <= node.value <= 1
        if rule in ("children", "max") and len(node.children) == 1:
            (only,) = node.children
            assert only.value is None or node.value == pytest.approx(only.value)


def steps_away(node: Node) -> int | None:
    """The fewest steps to a right end, by walking every path."""
    found = [one.depth - node.depth for one in node.subtree() if one.right and node in one.path()]
    return min(found, default=None)


@given(trees())
def test_rest_values_follow_the_recursion_from_the_root(root: Node) -> None:
    infer(root)
    if steps_away(root) is None:
        assert all(node.value is None for node in root.subtree())
        return
    assert root.value == 0
    for node in root.subtree():
        if node.parent is None:
            continue
        right = steps_away(node) is not None
        nearest = next(one for one in node.path() if steps_away(one) is not None)
        away = steps_away(nearest)
        before = node.parent.value
        assert before is not None
        assert away is not None
        weight = (1 - before) / (away + 1) * (1 - 2 * (not right))
        assert node.value == pytest.approx(max(before + weight, 0))
        if node.right:
            assert node.value == pytest.approx(1)


def test_rest_values_of_a_worked_tree() -> None:
    root = new_root("p", origin=ORIGIN)
    first = root.add_child("a\n", prior=0.5, origin=ORIGIN)
    wrong = root.add_child("b\n", prior=0.5, origin=ORIGIN)
    end = first.add_child("Answer: 1", prior=1.0, origin=ORIGIN)
    end.terminal = end.right = True
    infer(root)
    # Two steps lead to the end: each is worth half of what was left before it.
    assert [first.value, end.value] == [0.5, 1.0]
    # The wrong step is as far off as the root: 0 - 1/3, but no value is below 0.
    assert wrong.value == 0


@given(trees())
def test_selection_finds_what_can_be_gone_on_with(root: Node) -> None:
    backed_up(root, "mean")
    frontier = {one for one in root.subtree() if not one.expanded and not one.terminal}
    for selection in (PUCT(), UCT(), BestFirst(), Omega()):
        leaf = selection.leaf(root)
        assert (leaf in frontier) if frontier else leaf is None
    best = BestFirst().leaf(root)
    if best is not None:
        assert worth(best) == max(worth(one) for one in frontier)


@given(trees())
def test_puct_and_uct_go_down_by_their_formulas(root: Node) -> None:
    backed_up(root, "mean")
    for selection in (PUCT(c=1.5), UCT(c=0.7)):
        leaf = selection.leaf(root)
        for node in [] if leaf is None else leaf.path()[:-1]:
            assert node.parent is not None
            rivals = [one for one in node.parent.children if not one.closed]
            if isinstance(selection, PUCT):
                total = node.parent.visits
                scores = {
                    one: worth(one) + 1.5 * (one.prior or 0) * sqrt(total) / (1 + one.visits)
                    for one in rivals
                }
                assert scores[node] == max(scores.values())
            elif node.visits:
                assert all(one.visits for one in rivals)
                total = node.parent.visits
                assert all(
                    worth(node) + 0.7 * sqrt(2 * log(total) / node.visits)
                    >= worth(one) + 0.7 * sqrt(2 * log(total) / one.visits)
                    for one in rivals
                )


def test_omega_prefers_beginnings_that_may_go_either_way() -> None:
    root = new_root("p", origin=ORIGIN)
    root.expanded = True
    for own in (0.0, 0.4, 0.8, 1.0):
        root.add_child(f"{own}\n", prior=0.25, origin=ORIGIN).own = own
    backed_up(root, "max")
    leaf = Omega().leaf(root)
    assert leaf is not None
    assert leaf.own == 0.8
