"""How sure a difference of two shares is, when both are of the same prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from kernels.intervals import Floats, bootstrap_interval

RESAMPLES = 4000


@dataclass(frozen=True)
class Shares:
    """Two shares, of how much each is one, and the 95 % interval of their difference."""

    measured: float
    control: float
    low: float
    high: float
    count: float
    control_count: float

    def __str__(self) -> str:
        """The difference in words."""
        return f"difference {self.measured - self.control:+.1%} [{self.low:+.1%}, {self.high:+.1%}]"


def compared(ours: pl.DataFrame, theirs: pl.DataFrame) -> Shares:
    """The share Σhits/Σcount of ``ours`` beside that of ``theirs``: frames of ``prompt_id``,
    ``hits`` and ``count``, one row a prompt. Raises ValueError where a side counts nothing."""
    both = ours.join(theirs, on="prompt_id", how="full", coalesce=True, suffix="_control")
    both = both.sort("prompt_id").fill_null(0)
    hits, count, control_hits, control_count = (
        both[name].to_list() for name in ("hits", "count", "hits_control", "count_control")
    )
    low, high = share_difference((hits, count), (control_hits, control_count))
    return Shares(
        sum(hits) / sum(count),
        sum(control_hits) / sum(control_count),
        low,
        high,
        sum(count),
        sum(control_count),
    )


def share_difference(
    one: tuple[Sequence[float], Sequence[float]],
    other: tuple[Sequence[float], Sequence[float]],
    *,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % interval of Σhits/Σcount of ``one`` minus that of ``other``.

    Each is (hits, count), Float[prompts], with the same prompts in the same order; a prompt of
    which a side has nothing counts 0 there. Percentile bootstrap over prompts: a resample draws a
    prompt with all that both sides have of it. Raises ValueError where a side has nothing at all.
    """
    hits = np.array([one[0], other[0]], dtype=np.float64)
    counts = np.array([one[1], other[1]], dtype=np.float64)
    if not (counts.sum(axis=1) > 0).all():
        raise ValueError("a share of nothing has no interval")

    def differences(drawn: npt.NDArray[np.int64]) -> Floats:
        # A resample in which a side has nothing says nothing about it.
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = (drawn @ hits.T) / (drawn @ counts.T)
        return np.asarray(shares[:, 0] - shares[:, 1])

    ones = np.ones(hits.shape[1], dtype=np.int64)
    return bootstrap_interval(differences, ones, resamples=RESAMPLES, seed=seed)
