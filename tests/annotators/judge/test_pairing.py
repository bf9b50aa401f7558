"""Who meets whom, and what two orders of one comparison come to."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.judge.pairing import Comparison, placed, schedule

names = st.lists(st.text(max_size=4), unique=True, min_size=1, max_size=12)


@given(names, st.integers(1, 12))
def test_each_meets_as_many_as_it_should_at_a_cost_of_n_times_k(ids: list[str], k: int) -> None:
    pairs = schedule(ids, k)
    assert len(set(pairs)) == len(pairs)
    assert all(i < j for i, j in pairs)
    met = [sum(at in pair for pair in pairs) for at in range(len(ids))]
    assert all(count >= min(k, len(ids) - 1) for count in met)
    assert len(pairs) <= len(ids) * (k + 1) / 2


@given(names)
def test_all_meet_all_unless_told_otherwise(ids: list[str]) -> None:
    assert schedule(ids, None) == list(combinations(range(len(ids)), 2))


@given(names, st.integers(1, 12), st.randoms())
def test_who_meets_whom_does_not_depend_on_the_order(ids: list[str], k: int, random) -> None:
    def met(listed: list[str]) -> set[frozenset[str]]:
        return {frozenset((listed[i], listed[j])) for i, j in schedule(listed, k)}

    assert met(random.sample(ids, len(ids))) == met(ids)


def test_placement_changes_with_what_it_is_drawn_for() -> None:
    ids = [str(number) for number in range(6)]
    orders = {tuple(placed(ids, "vote", vote)) for vote in range(20)}
    assert len(orders) > 10
    assert all(sorted(order) == list(range(6)) for order in orders)


@pytest.mark.parametrize(
    ("forward", "backward", "value", "flipped", "tied"),
    [
        (1, 0, 1, False, False),
        (0, 1, 0, False, False),
        (1, 1, 0.5, True, False),
        (0, 0, 0.5, True, False),
        (0.5, 0.5, 0.5, False, True),
        (1, 0.5, 0.75, False, False),
        (0.9, 0.7, 0.5, True, False),
        (0.9, 0.2, 0.85, False, False),
        (1, None, None, False, False),
        (None, None, None, False, False),
    ],
)
def test_two_orders_of_one_comparison(forward, backward, value, flipped, tied) -> None:
    comparison = Comparison(forward, backward)
    assert comparison.value == (None if value is None else pytest.approx(value))
    assert (comparison.flipped, comparison.tied) == (flipped, tied)


def test_one_order_is_enough_where_one_was_asked_for() -> None:
    assert Comparison(None, 1.0, (False, True)).value == 0
    assert Comparison(1.0, None, (True, False)).value == 1
    assert Comparison(None, None, (True, False)).value is None


@pytest.mark.parametrize(
    ("named", "value", "flipped", "tied"),
    [
        ((0.5, 0.5), 0.485, False, True),
        ((1.0, 0.5), 0.485, False, False),
        ((1.0, 1.0), 0.5, True, False),
        ((1.0, 0.0), 0.485, False, False),
    ],
)
def test_an_expectation_leans_and_what_was_named_decides(named, value, flipped, tied) -> None:
    """Both orders expect a little more of the one shown first."""
    comparison = Comparison(0.52, 0.55, named=named)
    assert comparison.value == pytest.approx(value)
    assert (comparison.flipped, comparison.tied) == (flipped, tied)
    assert comparison.orders == list(named)
