"""The figures of an evaluation: accuracy, pass@k, and whether training improved the policy.

All are computed from `schemas.Evaluations`: one row per held-out prompt, answered before and after
training.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kernels.intervals import bootstrap_interval

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000


def pass_at_k(right: npt.ArrayLike, samples: int, k: int) -> Floats:
    """The probability that at least one of ``k`` answers is right, if ``right`` of ``samples``
    were.

    Args:
        right: Int[prompts].
        samples: the number of answers per prompt.
        k: from 1 to ``samples``.

    Returns:
        Float[prompts] in [0, 1]. The unbiased estimate of Chen et al. 2021 (arXiv:2107.03374),
            1 − C(n−c, k) / C(n, k), as a product so that nothing overflows.

    Raises:
        ValueError: ``k`` is out of range.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} needs between 1 and {samples} answers a prompt")
    wrong = samples - np.asarray(right, dtype=np.float64)
    drawn = np.arange(k)
    none_right = np.clip(wrong[:, None] - drawn, 0, None) / (samples - drawn)
    return np.asarray(1 - none_right.prod(axis=1))


def paired_interval(
    before: npt.ArrayLike, after: npt.ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % interval of mean(after − before), by a percentile bootstrap over prompts.

    Both are Float[prompts] and paired: a resample draws prompts, never one side alone. The mean of
    a resample depends only on how often each distinct difference was drawn, and these counts are
    multinomial. So 10,000 resamples cost one draw of counts, whatever the number of prompts is.
    """
    difference = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    if difference.size == 0:
        raise ValueError("an interval needs at least one prompt")
    values, counts = np.unique(difference, return_counts=True)
    return bootstrap_interval(
        lambda drawn: np.asarray(drawn @ values / difference.size),
        counts,
        resamples=resamples,
        seed=seed,
    )


def summary(frame: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """The figures of an `Evaluations` frame, as a JSON object. All but ``prompts`` and ``samples``
    are in [0, 1], differences in [-1, 1].

    ``before``, ``after``: accuracy of the greedy answer. ``difference``: after − before, with its
    95 % interval ``low``, ``high``. The same with the prefix ``sampled_``: the share of sampled
    answers that are right. ``pass_at_k``: {"1": {"before", "after"}, "2": ..., up to the number of
    samples}.

    Raises:
        ValueError: there is no row.
    """
    if frame.is_empty():
        raise ValueError("nothing was measured: there is no held-out prompt")
    greedy = (frame["greedy_before"].to_numpy(), frame["greedy_after"].to_numpy())
    samples = int(frame["samples"].min())  # type: ignore[arg-type]  # a UInt32 column's minimum
    figures: dict[str, Any] = {"prompts": frame.height, "samples": samples}
    figures |= _compared(greedy, seed=seed)
    if samples:
        right = (frame["right_before"].to_numpy(), frame["right_after"].to_numpy())
        taken = frame["samples"].to_numpy()
        shares = (right[0] / taken, right[1] / taken)
        compared = _compared(shares, seed=seed)
        figures |= {f"sampled_{name}": figure for name, figure in compared.items()}
        figures["pass_at_k"] = {
            str(k): {
                "before": float(pass_at_k(right[0], samples, k).mean()),
                "after": float(pass_at_k(right[1], samples, k).mean()),
            }
            for k in _powers_of_two(samples)
        }
    return figures


def regressed(figures: Mapping[str, Any]) -> bool:
    """Whether the policy is worse than before: the whole interval of ``difference`` is below 0."""
    return bool(figures["high"] < 0)


def _compared(sides: tuple[npt.ArrayLike, npt.ArrayLike], *, seed: int) -> dict[str, float]:
    before, after = (float(np.asarray(side).mean()) for side in sides)
    low, high = paired_interval(*sides, seed=seed)
    return {
        "before": before,
        "after": after,
        "difference": after - before,
        "low": low,
        "high": high,
    }


def _powers_of_two(limit: int) -> list[int]:
    return [1 << n for n in range(limit.bit_length()) if 1 << n <= limit]
