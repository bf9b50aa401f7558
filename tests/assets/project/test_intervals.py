"""The interval of a difference of shares: drawn over prompts, both sides together."""

import numpy as np
import pytest

from assets.project.intervals import share_difference


def slow(
    one: tuple[list[float], list[float]], other: tuple[list[float], list[float]]
) -> list[float]:
    noise = np.random.default_rng(7)
    prompts = len(one[0])
    found = []
    for _ in range(4000):
        drawn = noise.integers(prompts, size=prompts)
        shares = [
            sum(hits[i] for i in drawn) / sum(count[i] for i in drawn)
            for hits, count in (one, other)
        ]
        found.append(shares[0] - shares[1])
    return [float(q) for q in np.quantile(found, [0.025, 0.975])]


def test_equals_an_obvious_bootstrap() -> None:
    noise = np.random.default_rng(0)
    count = noise.integers(1, 5, size=80).astype(float)
    other_count = noise.integers(0, 3, size=80).astype(float)
    one = (noise.binomial(count.astype(int), 0.7).astype(float).tolist(), count.tolist())
    other = (
        noise.binomial(other_count.astype(int), 0.5).astype(float).tolist(),
        other_count.tolist(),
    )
    assert share_difference(one, other) == pytest.approx(slow(one, other), abs=0.02)


def test_two_sides_that_are_the_same_do_not_differ() -> None:
    side = ([1.0, 0.0, 1.0], [1.0, 1.0, 1.0])
    assert share_difference(side, side) == (0.0, 0.0)


def test_a_share_of_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="count of 0"):
        share_difference(([0.0], [0.0]), ([1.0], [1.0]))
