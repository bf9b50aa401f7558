"""The figures of an evaluation: accuracy, pass@k, win rate or reward, and whether training improved
the policy.

All are computed from `schemas.Evaluations`: one row per held-out prompt, answered before and after
training.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from kernels.intervals import bootstrap_interval
from trainers.evaluation.pair_metrics import pair_summary
from trainers.evaluation.reward_metrics import reward_summary
from trainers.evaluation.step_metrics import step_summary
from trainers.evaluation.task_metrics import task_summary
from trainers.evaluation.win_rate import length_controlled

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
TIE = 0.5


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


Measured = Literal["check", "judge", "reward"]


def summary(
    frame: pl.DataFrame, *, seed: int = 0, tolerance: float | None = None
) -> dict[str, Any]:
    """The figures of an `Evaluations` frame, as a JSON object; of another of
    `schemas.EVALUATIONS`, those of `trainers.evaluation.pair_metrics`, `reward_metrics`,
    `step_metrics` or `task_metrics`.

    ``by``: how the policy was measured. ``before``, ``after`` and ``difference`` = after − before,
    with its 95 % interval ``low``, ``high``:

    - by a check, the accuracy of the greedy answer, in [0, 1]. The same with the prefix
      ``sampled_``: the share of sampled answers that are right. ``pass_at_k``: {"1": {"before",
      "after"}, "2": ..., up to the number of samples}.
    - by a judge, the win rate at equal length (`trainers.evaluation.win_rate`), in [0, 1].
      ``before`` is 0.5, the rate of the start policy against itself. ``win_rate`` is the mean
      preference at any length.
    - by a reward, the mean reward, in the reward's unit.

    ``length_before``, ``length_after``: the mean characters of greedy answers; None if unknown.
    ``tolerance``, if one is given: how much worse the policy may be (`regressed`).

    Raises:
        ValueError: there is no row.
    """
    tolerated = {} if tolerance is None else {"tolerance": tolerance}
    if "chosen_tokens" in frame.columns:
        return pair_summary(frame, seed=seed) | tolerated
    if "pair_id" in frame.columns:
        return reward_summary(frame, seed=seed) | tolerated
    if "labels" in frame.columns:
        return step_summary(frame, seed=seed) | tolerated
    if "item_id" in frame.columns:
        return task_summary(frame) | tolerated
    if frame.is_empty():
        raise ValueError("nothing was measured: there is no held-out prompt")
    by = measured_by(frame)
    figures: dict[str, Any] = {"by": by, "prompts": frame.height, **tolerated}
    figures["samples"] = int(frame["samples"].min())  # type: ignore[arg-type]  # of a UInt32 column
    figures |= {name: frame[name].mean() for name in ("length_before", "length_after")}
    if by == "judge":
        return figures | _win_rate(frame, seed=seed)
    column = {"check": "greedy", "reward": "reward"}[by]
    figures |= _compared(_sides(frame, column), seed=seed)
    if by == "check" and figures["samples"]:
        figures |= _sampled(frame, figures["samples"], seed=seed)
    return figures


def measured_by(frame: pl.DataFrame) -> Measured:
    """How the rows of an `Evaluations` frame were measured."""
    if frame["preference"].count():
        return "judge"
    return "reward" if frame["reward_after"].count() else "check"


def gains() -> pl.Expr:
    """How much better the policy is after training, by a row of an `Evaluations` frame: the
    difference of greedy correctness or of rewards, or the preference over a tie."""
    after, before = (pl.col(f"greedy_{when}").cast(pl.Float64) for when in ("after", "before"))
    rewards = pl.col("reward_after") - pl.col("reward_before")
    return pl.coalesce(after - before, pl.col("preference") - TIE, rewards)


def regressed(figures: Mapping[str, Any]) -> bool:
    """Whether the policy is worse than before: the whole interval of ``difference`` is below 0.

    With a tolerance the test is one of non-inferiority: the policy must be shown to be at most that
    much worse, so it has regressed if the interval reaches below −tolerance.
    """
    tolerance = figures.get("tolerance")
    if tolerance is None:
        return bool(figures["high"] < 0)
    return bool(figures["low"] < -tolerance)


def _win_rate(frame: pl.DataFrame, *, seed: int) -> dict[str, float]:
    lengths = _sides(frame, "length")
    rate, low, high = length_controlled(frame["preference"].to_numpy(), *lengths, seed=seed)
    return {
        "before": TIE,
        "after": rate,
        "difference": rate - TIE,
        "low": low - TIE,
        "high": high - TIE,
        "win_rate": float(frame["preference"].to_numpy().mean()),
    }


def _sampled(frame: pl.DataFrame, samples: int, *, seed: int) -> dict[str, Any]:
    right = _sides(frame, "right")
    samples_of_prompt = frame["samples"].to_numpy()
    compared = _compared((right[0] / samples_of_prompt, right[1] / samples_of_prompt), seed=seed)
    return {f"sampled_{name}": figure for name, figure in compared.items()} | {
        "pass_at_k": {
            str(k): {
                "before": float(pass_at_k(right[0], samples, k).mean()),
                "after": float(pass_at_k(right[1], samples, k).mean()),
            }
            for k in _powers_of_two(samples)
        }
    }


def _sides(frame: pl.DataFrame, column: str) -> tuple[Floats, Floats]:
    before, after = (frame[f"{column}_{when}"].to_numpy() for when in ("before", "after"))
    return before, after


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
