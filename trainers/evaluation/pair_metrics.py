"""The figures of held-out pairs: ranking accuracy, implicit rewards, and log-probs of both sides.

All intervals are of 95 %, by a bootstrap over prompts: pairs of one prompt are drawn together.
"""

from typing import Any

import polars as pl

from trainers.evaluation.prompt_intervals import (
    Floats,
    Interval,
    by_prompt,
    change,
    higher,
    mean,
)


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
    interval = by_prompt(frame["prompt_id"], seed)
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
        "reward_accuracy": mean(higher(*rewards), interval),
        "reward_margin": mean(rewards[0] - rewards[1], interval),
        **{
            side: change(logprobs[f"{side}_before"], logprobs[f"{side}_after"], interval)
            for side in ("chosen", "rejected")
        },
    }


def _accuracies(values: dict[str, Floats], interval: Interval) -> dict[str, float]:
    before, after = (
        higher(values[f"chosen_{when}"], values[f"rejected_{when}"]) for when in ("before", "after")
    )
    return change(before, after, interval)
