"""Rank agreement of ragged groups equals SciPy's, group by group."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kernels.ranks import kendall, spearman, top_bottom

# Few different values, so that ties, constant sides and missing scores are common.
SCORES = st.sampled_from([0.0, 0.1, 0.25, 1.0, -3.0, math.inf, math.nan])
MEMBERS = st.lists(st.tuples(st.integers(0, 5), SCORES, SCORES), max_size=40)


def columns(members):
    groups = np.array([group for group, _, _ in members], np.int64)
    a = np.array([one for _, one, _ in members], np.float64)
    b = np.array([other for _, _, other in members], np.float64)
    return groups, a, b


def common(members, group):
    """The scores of a group's members that both sides scored."""
    kept = [(a, b) for g, a, b in members if g == group and not math.isnan(a) and not math.isnan(b)]
    return [a for a, _ in kept], [b for _, b in kept]


def slow_top_bottom(a, b):
    if len(a) < 2 or len(set(a)) < 2 or len(set(b)) < 2:
        return math.nan
    places = range(len(a))
    best = any(a[i] == max(a) and b[i] == max(b) for i in places)
    worst = any(a[i] == min(a) and b[i] == min(b) for i in places)
    return float(best and worst)


def slow(statistic, a, b):
    if len(a) < 2:
        return math.nan
    if statistic is top_bottom:
        return slow_top_bottom(a, b)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if statistic is kendall:
            return stats.kendalltau(a, b).statistic
        # spearmanr ranks for itself, but not where a value is infinite.
        return stats.spearmanr(stats.rankdata(a), stats.rankdata(b)).statistic


@pytest.mark.parametrize("statistic", [kendall, spearman, top_bottom])
@given(members=MEMBERS)
def test_equals_scipy_in_every_group(statistic, members):
    found = statistic(*columns(members), count=6)
    for group in range(6):
        a, b = common(members, group)
        assert found.members[group] == len(a)
        assert found.value[group] == pytest.approx(slow(statistic, a, b), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("statistic", [kendall, spearman])
def test_equals_scipy_on_a_large_group(statistic):
    random = np.random.default_rng(0)
    a, b = random.integers(0, 40, size=(2, 300)).astype(np.float64)
    found = statistic(np.zeros(300, np.int64), a, b, count=1)
    assert found.value[0] == pytest.approx(slow(statistic, a, b), abs=1e-12)


@pytest.mark.parametrize("statistic", [kendall, spearman, top_bottom])
@given(members=MEMBERS, seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(statistic, members, seed):
    groups, a, b = columns(members)
    order = np.random.default_rng(seed).permutation(len(groups))
    found = statistic(groups, a, b, count=6)
    again = statistic(groups[order], a[order], b[order], count=6)
    assert np.array_equal(found.value, again.value, equal_nan=True)
    assert np.array_equal(found.members, again.members)


@pytest.mark.parametrize("statistic", [kendall, spearman])
@given(members=MEMBERS)
def test_a_ranking_agrees_with_itself_wholly_and_with_its_reverse_not_at_all(statistic, members):
    groups, a, _ = columns(members)
    same, reverse = (statistic(groups, a, b, count=6).value for b in (a, -a))
    assert np.isin(same[~np.isnan(same)], [1.0]).all()
    assert np.array_equal(reverse, -same, equal_nan=True)


@pytest.mark.parametrize("statistic", [kendall, spearman, top_bottom])
def test_what_was_not_ranked_has_no_agreement(statistic):
    found = statistic(
        np.array([0, 2, 2, 3, 3, 3]),
        np.array([1.0, 0.0, 0.0, math.nan, 1.0, 2.0]),
        np.array([1.0, 0.0, 1.0, 3.0, math.nan, 2.0]),
        count=4,
    )
    assert np.isnan(found.value).all()
    assert found.members.tolist() == [1, 0, 2, 1]
