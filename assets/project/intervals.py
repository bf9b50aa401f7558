"""Confidence intervals of the difference of two shares on the same prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from kernels.intervals import Floats, bootstrap_interval

RESAMPLES = 4000


@dataclass(frozen=True)
class Shares:
    """Two shares, and the 95 % interval of their difference.

    Attributes:
        measured: The share of the recipe, in [0, 1].
        control: The share of the control, in [0, 1].
        low: The lower end of the interval of measured - control.
        high: The upper end.
        count: The denominator of ``measured``.
        control_count: The denominator of ``control``.
    """

    measured: float
    control: float
    low: float
    high: float
    count: float
    control_count: float

    def __str__(self) -> str:
        """The difference and its interval, in percent."""
        return f"difference {self.measured - self.control:+.1%} [{self.low:+.1%}, {self.high:+.1%}]"


def compared(ours: pl.DataFrame, theirs: pl.DataFrame) -> Shares:
    """Compare the share Σhits/Σcount of ``ours`` with that of ``theirs``.

    Args:
        ours: Columns ``prompt_id``, ``hits`` and ``count``; one row for each prompt.
        theirs: The same for the control.

    Raises:
        ValueError: The counts of a side sum to 0.
    """
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
    """The 95 % interval of the share Σhits/Σcount of ``one`` minus that of ``other``.

    It is a percentile bootstrap over prompts. A resample takes a prompt with the values of both
    sides.

    Args:
        one: (hits, count), each Float[prompts]. A prompt that a side does not have counts 0 there.
        other: The same, with the same prompts in the same order.
        seed: The seed of the bootstrap.

    Raises:
        ValueError: The counts of a side sum to 0.
    """
    hits = np.array([one[0], other[0]], dtype=np.float64)
    counts = np.array([one[1], other[1]], dtype=np.float64)
    if not (counts.sum(axis=1) > 0).all():
        raise ValueError("a share with a count of 0 has no interval")

    def differences(drawn: npt.NDArray[np.int64]) -> Floats:
        # A resample without counts of a side gives NaN, which the bootstrap leaves out.
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = (drawn @ hits.T) / (drawn @ counts.T)
        return np.asarray(shares[:, 0] - shares[:, 1])

    ones = np.ones(hits.shape[1], dtype=np.int64)
    return bootstrap_interval(differences, ones, resamples=RESAMPLES, seed=seed)
