"""The figures of a reward model on held-out pairs."""

from typing import Any

import polars as pl

from trainers.evaluation.prompt_intervals import by_prompt, change, higher, mean


def reward_summary(frame: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """The figures of a `schemas.RewardEvaluations` frame, as a JSON object.

    ``before``, ``after`` and ``difference``, with the interval ``low``, ``high``: the share of
    pairs whose chosen side has the higher reward; a tie counts half. ``reward_margin``: the mean
    reward of the chosen side minus that of the rejected one. All intervals are of 95 %, by a
    bootstrap over prompts.

    Raises:
        ValueError: there is no row.
    """
    if frame.is_empty():
        raise ValueError("nothing was measured: there is no held-out pair")
    interval = by_prompt(frame["prompt_id"], seed)
    rewards = {
        when: [frame[f"{side}_{when}"].to_numpy() for side in ("chosen", "rejected")]
        for when in ("before", "after")
    }
    chosen, rejected = rewards["after"]
    return {
        "by": "rewards",
        "pairs": frame.height,
        "prompts": frame["prompt_id"].n_unique(),
        **change(higher(*rewards["before"]), higher(*rewards["after"]), interval),
        "reward_margin": mean(chosen - rejected, interval),
    }
