"""The round numbers of an axis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.charts.axis import axis

FINITE = st.floats(-1e6, 1e6)


@given(FINITE, FINITE)
def test_it_holds_all_values_in_a_few_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    found = axis(low, high)
    room = 1e-6 * (found.ticks[-1] - found.ticks[0])
    assert found.ticks[0] - room <= low <= high <= found.ticks[-1] + room
    assert 2 <= len(found.ticks) <= 7
    assert len(set(found.labels)) == len(found.labels)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.237, 0.693, ["0.2", "0.4", "0.6", "0.8"]),
        (-3, 1, ["−3", "−2", "−1", "0", "1"]),
        (0, 95, ["0", "50", "100"]),
        (1, 1, ["0.90", "0.95", "1.00", "1.05", "1.10"]),
        (1200, 4800, ["1,000", "2,000", "3,000", "4,000", "5,000"]),
    ],
)
def test_labels(low: float, high: float, labels: list[str]) -> None:
    assert axis(low, high).labels == labels
