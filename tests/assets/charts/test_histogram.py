"""Histograms count every number."""

import re

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from assets.charts.histogram import histogram


@given(
    st.lists(st.floats(-1e6, 1e6) | st.integers(-50, 5000).map(float), min_size=1, max_size=60),
    st.lists(st.floats(-1e6, 1e6)),
)
def test_a_histogram_counts_every_number(one: list[float], other: list[float]) -> None:
    drawn = histogram("score", {("a", "good"): pl.Series(one), ("b", "bad"): numbers(other)})
    assert drawn is not None
    for series, given_numbers in zip(drawn.series, [one, other], strict=False):
        counted = sum(int(re.findall(r": ([0-9,]+) ", bar.says)[0]) for bar in series.bars)
        assert counted == series.count == len(given_numbers)


def numbers(values: list[float]) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64)


def test_numbers_that_hardly_differ_have_a_histogram() -> None:
    drawn = histogram("score", {("", "plain"): numbers([0.0, 5e-324])})
    assert drawn is not None
    assert [label for _, label in drawn.ticks] == ["0", "0"]


def test_nothing_has_no_histogram() -> None:
    assert histogram("score", {("", "plain"): numbers([])}) is None
