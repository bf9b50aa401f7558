"""Win rates of a policy's answers, with their length controlled."""

import numpy as np
import numpy.typing as npt

from kernels.intervals import bootstrap_interval

Floats = npt.NDArray[np.float64]

RESAMPLES = 2_000
_STEPS = 30
_LARGEST_STEP = 2.0
_PRIOR = np.array([0.01, 1.0])
"""The precisions of the normal priors of the intercept and of the length's coefficient. The first
only keeps the rate of a policy that always wins below 1."""


def length_controlled(
    preferences: npt.ArrayLike,
    lengths_before: npt.ArrayLike,
    lengths_after: npt.ArrayLike,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """The win rate that answers of equal length would have.

    A logistic regression explains the preferences by an intercept and by tanh(Δ / sd(Δ)), Δ the
    difference of lengths. The rate is its prediction for Δ = 0: the form of AlpacaEval 2 (Dubois et
    al. 2024, arXiv:2404.04475) without its terms for single instructions. The coefficient of the
    length has a standard normal prior, so few prompts leave the rate near their mean.

    Args:
        preferences: Float[prompts] in [0, 1]; 0.5 is a tie.
        lengths_before: Int[prompts], the lengths of the other policy's answers.
        lengths_after: Int[prompts], the lengths of the policy's answers.
        seed: the seed of the resamples.
        resamples: the number of resamples.

    Returns:
        The rate in (0, 1), and the ends of its 95 % interval, by a bootstrap over prompts.

    Raises:
        ValueError: there is no prompt.
    """
    wins = np.asarray(preferences, dtype=np.float64)
    if wins.size == 0:
        raise ValueError("a win rate needs at least one prompt")
    difference = np.asarray(lengths_after, np.float64) - np.asarray(lengths_before, np.float64)
    spread = float(difference.std())
    features = np.tanh(difference / spread) if spread else np.zeros_like(difference)
    rate = float(_rates(np.ones((1, wins.size)), wins, features)[0])
    low, high = bootstrap_interval(
        lambda drawn: _rates(drawn.astype(np.float64), wins, features),
        np.ones(wins.size),
        resamples=resamples,
        seed=seed,
    )
    return rate, low, high


def _rates(weights: Floats, wins: Floats, features: Floats) -> Floats:
    """The rate at length difference 0 for each row of ``weights``, Float[resamples, prompts], by
    Newton's method."""
    parameters = np.zeros((len(weights), 2))
    for _ in range(_STEPS):
        predicted = _sigmoid(parameters[:, :1] + parameters[:, 1:] * features)
        residual = weights * (wins - predicted)
        curvature = weights * predicted * (1 - predicted)
        gradient = np.stack([residual.sum(axis=1), residual @ features], axis=1)
        gradient -= _PRIOR * parameters
        one, cross, two = curvature.sum(axis=1), curvature @ features, curvature @ features**2
        one, two = one + _PRIOR[0], two + _PRIOR[1]
        step = (
            np.stack(
                [
                    two * gradient[:, 0] - cross * gradient[:, 1],
                    one * gradient[:, 1] - cross * gradient[:, 0],
                ],
                axis=1,
            )
            / (one * two - cross**2)[:, None]
        )
        parameters += np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(_sigmoid(parameters[:, 0]))


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
