"""Returns and advantages of sampled responses, from their scores."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

Advantage = Literal["group", "leave_one_out"]
"""What is subtracted from a return: the mean over all responses of the prompt, or over the
others."""

Weighted = Sequence[tuple[pl.DataFrame, float]]
"""Tables of `schemas.Scores`, each with its weight in a sum."""

SPREAD = 1e-9
"""Returns that differ by less are equal, but for rounding."""
EPSILON = 1e-4
"""Added to the standard deviation, as TRL does."""

_RESPONSE = ["response_id"]
_STEP = ["response_id", "step"]


def advantages(
    responses: pl.DataFrame,
    *,
    rewards: Weighted,
    step_rewards: Weighted,
    baseline: pl.DataFrame | None,
    advantage: Advantage,
    scale: bool,
) -> pl.DataFrame:
    """The advantages of each response's steps, as `trainers.PolicyGradient` defines them.

    Args:
        responses: `schemas.Responses`.
        rewards: scores of whole responses.
        step_rewards: scores of steps. Without any, each response is one step.
        baseline: `schemas.Scores`, subtracted in place of a mean.
        advantage: which mean is subtracted.
        scale: whether to divide by the standard deviation of the prompt's returns.

    Returns:
        ``response_id``; ``advantages``, one for each step; ``reason``, why the response cannot be
            trained on, else null. In the order of the ids, which no figure depends on.
    """
    samples = responses.sort("response_id").select("response_id", "prompt_id", "steps")
    samples = _with_reward(samples, rewards)
    if step_rewards:
        samples = _with_steps(samples, step_rewards)
    else:
        samples = samples.with_columns(future=pl.lit([0.0]))
    rewarded = samples.filter(pl.col("reason").is_null())
    steps = rewarded.with_columns(step=pl.int_ranges(pl.col("future").list.len()))
    steps = _with_advantages(steps.explode("future", "step"), baseline, advantage, scale)
    found = steps.group_by("response_id", maintain_order=True).agg(
        pl.col("advantage").alias("advantages"), because=pl.col("reason").drop_nulls().first()
    )
    return samples.join(found, on="response_id", how="left", maintain_order="left").select(
        "response_id", "advantages", reason=pl.coalesce("reason", "because")
    )


def _with_reward(samples: pl.DataFrame, rewards: Weighted) -> pl.DataFrame:
    """``samples`` with ``reward``, the weighted sum of the scores of the whole, and ``reason``."""
    samples = samples.with_columns(reward=pl.lit(0.0), reason=pl.lit(None, pl.String))
    for scores, weight in rewards:
        whole = _means(scores.filter(pl.col("step").is_null()), _RESPONSE)
        samples = samples.join(whole, on="response_id", how="left", maintain_order="left")
        samples = samples.with_columns(reward=pl.col("reward") + weight * pl.col("value"))
        samples = samples.drop("value")
    return samples.with_columns(
        reason=pl.when(pl.col("reward").is_null()).then(pl.lit("a stage of rewards has no score"))
    )


def _with_steps(samples: pl.DataFrame, rewards: Weighted) -> pl.DataFrame:
    """``samples`` with ``future``, for each step the sum of its rewards and of those after it."""
    count = pl.col("steps").list.len()
    each = samples.filter(pl.col("steps").is_not_null()).select(
        "response_id", step=pl.int_ranges(count.cast(pl.Int32), dtype=pl.Int32)
    )
    each = each.explode("step").with_columns(reward=pl.lit(0.0))
    for scores, weight in rewards:
        of_steps = _means(scores.filter(pl.col("step") >= 0), _STEP)
        each = each.join(of_steps, on=_STEP, how="full", coalesce=True)
        each = each.with_columns(reward=pl.col("reward") + weight * pl.col("value")).drop("value")
    futures = (
        each.sort(_STEP)
        .group_by("response_id", maintain_order=True)
        .agg(
            future=pl.col("reward").cum_sum(reverse=True),
            rewarded=pl.col("reward").is_not_null().all(),
        )
    )
    samples = samples.join(futures, on="response_id", how="left", maintain_order="left")
    return samples.with_columns(
        reason=pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(pl.col("steps").is_null())
        .then(pl.lit("it is not cut into steps: filter it with generators.Segment"))
        .when(~pl.col("rewarded").fill_null(False) | (pl.col("future").list.len() != count))
        .then(pl.lit("its steps and the scores of a stage of step_rewards do not fit"))
    )


def _with_advantages(
    steps: pl.DataFrame, baseline: pl.DataFrame | None, advantage: Advantage, scale: bool
) -> pl.DataFrame:
    """``steps`` with ``advantage``, and a ``reason`` if the response has none.

    The return of a step is ``reward`` + ``future``. In the means over a prompt's responses, one
    with fewer steps has the return ``reward``, as nothing follows in it.
    """
    first = pl.col("step") == 0
    others = pl.col("responses") - 1
    steps = steps.with_columns(
        responses=first.sum().over("prompt_id"),
        rewards=pl.col("reward").filter(first).sum().over("prompt_id"),
        futures=pl.col("future").sum().over("prompt_id", "step"),
        rows=pl.len().over("prompt_id"),
    )
    returned = pl.col("reward") + pl.col("future")
    total = pl.col("rewards") + pl.col("futures")
    steps = steps.with_columns(
        apart=returned - total / pl.col("responses"), of_others=(total - returned) / others
    ).with_columns(
        deviation=(
            (pl.col("apart") ** 2).sum().over("prompt_id") / (pl.col("rows") - 1).clip(1)
        ).sqrt()
    )
    if baseline is not None:
        steps = steps.join(_before(baseline), on=_STEP, how="left", maintain_order="left")
        found = returned - pl.col("value")
    elif advantage == "leave_one_out":
        found = returned - pl.col("of_others")
    else:
        found = pl.col("apart")
    alone, equal = others == 0, pl.col("deviation") < SPREAD
    if baseline is not None and not scale:
        alone = equal = pl.lit(False)
    return steps.with_columns(
        advantage=found / (pl.col("deviation") + EPSILON) if scale else found,
        reason=pl.when(found.is_null())
        .then(pl.lit("the stage of baseline has no score of what comes before a step"))
        .when(alone)
        .then(pl.lit("no other response of its prompt has a reward"))
        .when(equal)
        .then(pl.lit("all responses of its prompt have the same return")),
    )


def _before(baseline: pl.DataFrame) -> pl.DataFrame:
    """``step`` and ``value``, the score of what comes before that step. If the prompt (step −1) has
    no score, the first step has the score of the whole."""
    values = _means(baseline, _STEP).filter(pl.col("value").is_not_null())
    before = values.filter(pl.col("step") >= -1).with_columns(pl.col("step") + 1)
    whole = values.filter(pl.col("step").is_null()).with_columns(step=pl.lit(0, pl.Int32))
    both = pl.concat([before, whole])
    return both.unique(_STEP, keep="first", maintain_order=True).cast({"step": pl.Int64})


def _means(scores: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The mean ``value`` of the annotators, without errors; null if there are only errors."""
    values = pl.col("value").drop_nulls().sort()
    return scores.group_by(keys, maintain_order=True).agg(value=values.mean())
