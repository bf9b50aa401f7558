"""A win rate at equal length, against the same regression fitted slowly."""

import numpy as np
import pytest
from scipy.optimize import minimize

from trainers.evaluation.win_rate import length_controlled


def fitted_slowly(wins: np.ndarray, difference: np.ndarray) -> float:
    features = np.tanh(difference / difference.std())

    def loss(parameters: np.ndarray) -> float:
        logits = parameters[0] + parameters[1] * features
        fit = np.logaddexp(0, logits) - wins * logits
        return float(fit.sum() + 0.005 * parameters[0] ** 2 + 0.5 * parameters[1] ** 2)

    return float(1 / (1 + np.exp(-minimize(loss, np.zeros(2)).x[0])))


def test_the_rate_is_that_of_the_regression_at_equal_length() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.integers(50, 400, 80), rng.integers(50, 600, 80)
    wins = 1 / (1 + np.exp(-(0.3 + (after - before) / 150 + rng.normal(0, 1, 80))))
    rate, low, high = length_controlled(wins, before, after)
    assert rate == pytest.approx(fitted_slowly(wins, after - before), abs=1e-4)
    assert low < rate < high


def test_a_policy_that_wins_by_length_alone_does_not_win_at_equal_length() -> None:
    rng = np.random.default_rng(1)
    before = rng.integers(100, 300, 400)
    after = before + rng.integers(-60, 200, 400)
    longer = (after > before).astype(float)
    rate, low, high = length_controlled(longer, before, after)
    assert longer.mean() > 0.65
    assert low < 0.5 < high
    assert abs(rate - 0.5) < 0.12


def test_answers_of_equal_length_have_their_mean_as_rate() -> None:
    rate, low, high = length_controlled([1, 1, 0, 0.5], [10] * 4, [10] * 4)
    assert rate == pytest.approx(0.625, abs=0.01)
    assert low < rate < high


@pytest.mark.parametrize(("win", "side"), [(1.0, 0.9), (0.0, 0.1)])
def test_a_policy_that_always_wins_or_loses_has_a_finite_interval(win: float, side: float) -> None:
    rate, low, high = length_controlled([win] * 50, range(50), range(1, 51))
    assert 0 < low <= rate <= high < 1
    assert (rate > side) == (win > 0.5)


def test_no_prompt_has_no_rate() -> None:
    with pytest.raises(ValueError, match="at least one prompt"):
        length_controlled([], [], [])
