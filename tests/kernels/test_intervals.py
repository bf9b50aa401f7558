import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.intervals import bootstrap_interval, wilson_interval


def mean_of(values):
    return lambda drawn: drawn @ np.asarray(values, dtype=float) / drawn.sum(axis=1)


@given(value=st.floats(-5, 5), units=st.integers(1, 9))
def test_units_that_are_all_alike_leave_no_doubt(value: float, units: int):
    low, high = bootstrap_interval(mean_of([value] * units), np.ones(units, int), resamples=50)
    assert low == pytest.approx(value)
    assert high == pytest.approx(value)


@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=8), cells=st.integers(1, 400))
def test_how_many_counts_are_held_at_once_changes_nothing(values: list[float], cells: int):
    sizes = np.ones(len(values), int)
    found = [
        bootstrap_interval(mean_of(values), sizes, resamples=40, seed=3, cells=held)
        for held in (cells, 10**6)
    ]
    assert found[0] == pytest.approx(found[1])


def test_equal_units_may_be_drawn_as_one():
    apart = bootstrap_interval(mean_of([0, 0, 0, 1]), np.ones(4, int), resamples=4000)
    as_one = bootstrap_interval(mean_of([0, 1]), [3, 1], resamples=4000)
    assert as_one == pytest.approx(apart, abs=0.05)


def test_a_resample_without_a_value_is_left_out():
    def share(drawn):
        with np.errstate(invalid="ignore"):
            return np.where(drawn[:, 0] > 0, 1.0, np.nan)

    assert bootstrap_interval(share, [1, 1], resamples=100) == (1.0, 1.0)


@given(hits=st.integers(0, 30), misses=st.integers(0, 30))
def test_a_share_lies_in_its_interval(hits: int, misses: int):
    count = max(hits + misses, 1)
    low, high = wilson_interval(hits, count)
    assert 0 <= low <= hits / count + 1e-9
    assert hits / count - 1e-9 <= high <= 1
