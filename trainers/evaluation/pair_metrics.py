"""The figures of held-out pairs: ranking accuracy, implicit rewards, and log-probs of both sides.

All intervals are of 95 %, by a bootstrap over prompts: pairs of one prompt are drawn together.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kernels.intervals import bootstrap_interval

Floats = npt.NDArray[np.float64]
Interval = Callable[[Floats], tuple[float, float]]

RESAMPLES = 10_000


def pair_summary(frame: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """The figures of a `schemas.PairEvaluations` frame, as a JSON object.

    ``before``, ``after`` and ``difference``, with the interval ``low``, ``high``: the share of
    pairs whose chosen side has the higher log-prob per token, under the start and under the trained
    policy. Dividing by the tokens controls for length: a sum prefers the shorter side (Meng et al.
    2024, arXiv:2405.14734). ``by_sum`` holds the same shares for the sums. A tie counts half.

    ``reward_accuracy``: the share of pairs whose chosen side has the higher implicit reward of DPO,
    log π(y) − log π₀(y). ``reward_margin``: the mean difference of these rewards, in nats (β = 1).
    ``chosen``, ``rejected``: the mean log-prob of a side before and after, in nats.

    Raises:
        ValueError: there is no row.
    """
    if frame.is_empty():
        raise ValueError("nothing was measured: there is no held-out pair")
    interval = _by_prompt(frame["prompt_id"], seed)
    logprobs = {
        f"{side}_{when}": frame[f"{side}_{when}"].to_numpy()
        for side in ("chosen", "rejected")
        for when in ("before", "after")
    }
    tokens = {side: frame[f"{side}_tokens"].to_numpy() for side in ("chosen", "rejected")}
    per_token = {name: sums / tokens[name.partition("_")[0]] for name, sums in logprobs.items()}
    rewards = (
        logprobs["chosen_after"] - logprobs["chosen_before"],
        logprobs["rejected_after"] - logprobs["rejected_before"],
    )
    return {
        "by": "pairs",
        "pairs": frame.height,
        "prompts": frame["prompt_id"].n_unique(),
        **_accuracies(per_token, interval),
        "by_sum": _accuracies(logprobs, interval),
        "reward_accuracy": _mean(_higher(*rewards), interval),
        "reward_margin": _mean(rewards[0] - rewards[1], interval),
        **{
            side: _change(logprobs[f"{side}_before"], logprobs[f"{side}_after"], interval)
            for side in ("chosen", "rejected")
        },
    }


def _by_prompt(prompts: pl.Series, seed: int) -> Interval:
    """Makes the interval of the mean of a value per pair."""
    numbers = prompts.rank("dense").to_numpy() - 1
    pairs = np.bincount(numbers)

    def interval(values: Floats) -> tuple[float, float]:
        sums = np.bincount(numbers, weights=values)
        return bootstrap_interval(
            lambda drawn: np.asarray((drawn @ sums) / (drawn @ pairs)),
            np.ones(pairs.size),
            resamples=RESAMPLES,
            seed=seed,
        )

    return interval


def _accuracies(values: dict[str, Floats], interval: Interval) -> dict[str, float]:
    before, after = (
        _higher(values[f"chosen_{when}"], values[f"rejected_{when}"])
        for when in ("before", "after")
    )
    return _change(before, after, interval)


def _higher(chosen: Floats, rejected: Floats) -> Floats:
    """1 where ``chosen`` is higher, 0.5 where both are equal."""
    return np.asarray((np.sign(chosen - rejected) + 1) / 2)


def _change(before: Floats, after: Floats, interval: Interval) -> dict[str, float]:
    low, high = interval(after - before)
    means = float(before.mean()), float(after.mean())
    return {
        "before": means[0],
        "after": means[1],
        "difference": means[1] - means[0],
        "low": low,
        "high": high,
    }


def _mean(values: Floats, interval: Interval) -> dict[str, float]:
    low, high = interval(values)
    return {"mean": float(values.mean()), "low": low, "high": high}
