"""Means over rows, with 95 % intervals by a bootstrap over prompts.

The rows of one prompt are drawn together.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from kernels.intervals import bootstrap_interval

Floats = npt.NDArray[np.float64]
Interval = Callable[[Floats], tuple[float, float]]

RESAMPLES = 10_000


def by_prompt(prompts: pl.Series, seed: int) -> Interval:
    """Makes the interval of the mean of a value per row, whose prompt is in ``prompts``."""
    numbers = prompts.rank("dense").to_numpy() - 1
    rows = np.bincount(numbers)

    def interval(values: Floats) -> tuple[float, float]:
        sums = np.bincount(numbers, weights=values)
        return bootstrap_interval(
            lambda drawn: np.asarray((drawn @ sums) / (drawn @ rows)),
            np.ones(rows.size),
            resamples=RESAMPLES,
            seed=seed,
        )

    return interval


def higher(chosen: Floats, rejected: Floats) -> Floats:
    """1 where ``chosen`` is higher, 0.5 where both are equal."""
    return np.asarray((np.sign(chosen - rejected) + 1) / 2)


def change(before: Floats, after: Floats, interval: Interval) -> dict[str, float]:
    """The means before and after, and their difference with its interval."""
    low, high = interval(after - before)
    means = float(before.mean()), float(after.mean())
    return {
        "before": means[0],
        "after": means[1],
        "difference": means[1] - means[0],
        "low": low,
        "high": high,
    }


def mean(values: Floats, interval: Interval) -> dict[str, float]:
    """The mean with its interval."""
    low, high = interval(values)
    return {"mean": float(values.mean()), "low": low, "high": high}
