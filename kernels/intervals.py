"""95 % intervals: of any statistic by a percentile bootstrap, of a share by Wilson's formula."""

from collections.abc import Callable
from math import sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
_NORMAL = 1.959964
"""95 % of a normal distribution are within this many standard deviations."""
_CELLS = 4_000_000
"""The most counts (resamples x units) in memory at once."""


def bootstrap_interval(
    statistic: Callable[[npt.NDArray[np.int64]], Floats],
    sizes: npt.ArrayLike,
    *,
    resamples: int,
    seed: int = 0,
    cells: int = _CELLS,
) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a statistic of units (prompts).

    A resample has the number of times that each unit was drawn, so equal units can be one unit with
    a size. Resamples whose statistic is nan are left out.

    Args:
        statistic: takes counts, Int[resamples, units]; returns Float[resamples].
        sizes: Int[units], the number of equal units; 1 if all units differ.
        resamples: the number of resamples.
        seed: the seed of the draws.
        cells: the most counts in memory at once.

    Returns:
        The ends of the interval.
    """
    sizes = np.asarray(sizes)
    total = int(sizes.sum())
    noise = np.random.default_rng(seed)
    at_once = max(1, min(resamples, cells // max(len(sizes), 1)))
    values = [
        statistic(noise.multinomial(total, sizes / total, size=min(at_once, resamples - begin)))
        for begin in range(0, resamples, at_once)
    ]
    low, high = np.nanquantile(np.concatenate(values), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def wilson_interval(hits: float, count: int) -> tuple[float, float]:
    """The 95 % interval of the share ``hits / count`` (Wilson 1927); ``count`` is at least 1. A hit
    may count in part, such as a tie for a half."""
    squared = _NORMAL * _NORMAL
    middle = (hits + squared / 2) / (count + squared)
    reach = _NORMAL / (count + squared) * sqrt(hits * (count - hits) / count + squared / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)
