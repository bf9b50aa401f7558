"""Returns and advantages of sampled responses, from their scores."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

Advantage = Literal["group", "leave_one_out"]
"""What is subtracted from a return: the mean over all responses of the prompt, or over the
others."""

Weighted = Sequence[tuple[pl.DataFrame, float]]
"""Tables of `schemas.Scores` or of `schemas.TokenScores`, each with its weight in a sum."""

SPREAD = 1e-9
"""Returns that differ by less are equal, but for rounding."""
EPSILON = 1e-4
"""Added to the standard deviation, as TRL does."""

_RESPONSE = ["response_id"]
_STEP = ["response_id", "step"]
_FIRST = pl.col("step") == 0


def advantages(
    responses: pl.DataFrame,
    *,
    rewards: Weighted,
    step_rewards: Weighted,
    token_rewards: Weighted,
    baseline: pl.DataFrame | None,
    advantage: Advantage,
    scale: bool,
) -> pl.DataFrame:
    """The advantages of each response's steps or tokens, as `trainers.PolicyGradient` defines them.

    Args:
        responses: `schemas.Responses`.
        rewards: scores of whole responses.
        step_rewards: scores of steps. Without any, each response is one step.
        token_rewards: `schemas.TokenScores`. With these, each token is a step.
        baseline: `schemas.Scores`, subtracted in place of a mean.
        advantage: which mean is subtracted.
        scale: whether to divide by the standard deviation of the prompt's returns.

    Returns:
        ``response_id``; ``advantages``, one for each step; ``token_ends``, those of the scores of
            tokens; ``reason``, why the response cannot be trained on, else null. In the order of
            the ids, which no figure depends on.
    """
    samples = responses.sort("response_id").select("response_id", "prompt_id", "steps")
    samples = _with_reward(samples, rewards)
    samples = samples.with_columns(token_ends=pl.lit(None, pl.List(pl.UInt32)))
    if step_rewards:
        samples = _with_steps(samples, step_rewards)
    elif token_rewards:
        samples = _with_tokens(samples.drop("token_ends"), token_rewards)
    else:
        samples = samples.with_columns(future=pl.lit([0.0]))
    rewarded = samples.filter(pl.col("reason").is_null())
    steps = rewarded.with_columns(step=pl.int_ranges(pl.col("future").list.len()))
    steps = steps.explode("future", "step")
    compared = _by_prompt(steps) if token_rewards else _by_step(steps)
    steps = _with_advantages(compared, baseline, advantage, scale, of_prompt=bool(token_rewards))
    by_response = steps.group_by("response_id", maintain_order=True).agg(
        pl.col("advantage").alias("advantages"), because=pl.col("reason").drop_nulls().first()
    )
    return samples.join(by_response, on="response_id", how="left", maintain_order="left").select(
        "response_id", "advantages", "token_ends", reason=pl.coalesce("reason", "because")
    )


def _with_reward(samples: pl.DataFrame, rewards: Weighted) -> pl.DataFrame:
    """``samples`` with ``reward``, the weighted sum of the scores of the whole, and ``reason``."""
    samples = samples.with_columns(reward=pl.lit(0.0), reason=pl.lit(None, pl.String))
    for scores, weight in rewards:
        response_scores = _means(scores.filter(pl.col("step").is_null()), _RESPONSE)
        samples = samples.join(response_scores, on="response_id", how="left", maintain_order="left")
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


def _with_tokens(samples: pl.DataFrame, rewards: Weighted) -> pl.DataFrame:
    """``samples`` with ``future``, for each token the sum of its rewards and of those after it, and
    ``token_ends``. The end of the turn is a token if it has a score."""
    text, end = pl.col("values").cast(pl.List(pl.Float64)), pl.col("end_value").cast(pl.Float64)
    values = pl.when(end.is_null()).then(text).otherwise(text.list.concat(pl.concat_list(end)))
    scored = pl.concat(
        scores.select("response_id", "token_ends", stage=pl.lit(number), value=values * weight)
        for number, (scores, weight) in enumerate(rewards)
    )
    length = pl.col("value").list.len()
    token_scores = scored.group_by("response_id").agg(
        pl.col("token_ends").first(),
        alike=(pl.col("token_ends").n_unique() == 1) & (length.n_unique() == 1),
        stages=pl.col("stage").n_unique(),
    )
    tokens = scored.with_columns(token=pl.int_ranges(length)).explode("token", "value")
    # Annotators of a stage are averaged, and stages are summed, each in an order of their own.
    of_stages = tokens.group_by("response_id", "token", "stage").agg(pl.col("value").sort().mean())
    sums = of_stages.group_by("response_id", "token").agg(pl.col("value").sort_by("stage").sum())
    futures = (
        sums.sort("response_id", "token")
        .group_by("response_id", maintain_order=True)
        .agg(future=pl.col("value").cum_sum(reverse=True))
    )
    samples = samples.join(
        token_scores.join(futures, on="response_id"),
        on="response_id",
        how="left",
        maintain_order="left",
    )
    return samples.with_columns(
        reason=pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(pl.col("stages").fill_null(0) < len(rewards))
        .then(pl.lit("a stage of token_rewards has no score"))
        .when(~pl.col("alike"))
        .then(pl.lit("the stages of token_rewards split it into different tokens"))
    )


def _by_step(steps: pl.DataFrame) -> pl.DataFrame:
    """``steps`` with their ``returned``, which is ``reward`` + ``future``, and what it is compared
    with: how far it is ``apart`` from the mean over the prompt's responses, the mean ``of_others``,
    and the ``deviation`` of the prompt. A mean is over the same step; a response with fewer steps
    has the return ``reward`` there, as nothing follows in it.
    """
    steps = _with_counts(steps).with_columns(
        rewards=pl.col("reward").filter(_FIRST).sum().over("prompt_id"),
        futures=pl.col("future").sum().over("prompt_id", "step"),
    )
    total = pl.col("rewards") + pl.col("futures")
    steps = _with_differences(steps, total, own=pl.col("returned"))
    squares = (pl.col("apart") ** 2).sum().over("prompt_id")
    return steps.with_columns(deviation=(squares / (pl.len().over("prompt_id") - 1).clip(1)).sqrt())


def _by_prompt(steps: pl.DataFrame) -> pl.DataFrame:
    """As `_by_step`, but a mean is over the returns of whole responses: tokens of the same number
    are not the same place in two answers. All tokens of a response count in the deviation as much
    as one number."""
    steps = _with_counts(steps).with_columns(
        whole=pl.col("returned").first().over("response_id"),
        total=pl.col("returned").filter(_FIRST).sum().over("prompt_id"),
    )
    steps = _with_differences(steps, pl.col("total"), own=pl.col("whole"))
    squares = (pl.col("apart") ** 2 / pl.len().over("response_id")).sum().over("prompt_id")
    return steps.with_columns(deviation=(squares / (pl.col("responses") - 1).clip(1)).sqrt())


def _with_counts(steps: pl.DataFrame) -> pl.DataFrame:
    return steps.with_columns(
        returned=pl.col("reward") + pl.col("future"), responses=_FIRST.sum().over("prompt_id")
    )


def _with_differences(steps: pl.DataFrame, total: pl.Expr, *, own: pl.Expr) -> pl.DataFrame:
    responses = pl.col("responses")
    return steps.with_columns(
        apart=pl.col("returned") - total / responses, of_others=(total - own) / (responses - 1)
    )


def _with_advantages(
    steps: pl.DataFrame,
    baseline: pl.DataFrame | None,
    advantage: Advantage,
    scale: bool,
    *,
    of_prompt: bool,
) -> pl.DataFrame:
    """``steps`` with ``advantage``, and a ``reason`` if the response has none. ``of_prompt``: the
    baseline is the score of the prompt for all steps."""
    if baseline is not None:
        before = _before(baseline)
        if of_prompt:
            before = before.filter(pl.col("step") == 0).drop("step")
        keys = _RESPONSE if of_prompt else _STEP
        steps = steps.join(before, on=keys, how="left", maintain_order="left")
        difference = pl.col("returned") - pl.col("value")
    elif advantage == "leave_one_out":
        difference = pl.col("returned") - pl.col("of_others")
    else:
        difference = pl.col("apart")
    alone, equal = pl.col("responses") == 1, pl.col("deviation") < SPREAD
    if baseline is not None and not scale:
        alone = equal = pl.lit(False)
    return steps.with_columns(
        advantage=difference / (pl.col("deviation") + EPSILON) if scale else difference,
        reason=pl.when(difference.is_null())
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
    response_values = values.filter(pl.col("step").is_null()).with_columns(step=pl.lit(0, pl.Int32))
    both = pl.concat([before, response_values])
    return both.unique(_STEP, keep="first", maintain_order=True).cast({"step": pl.Int64})


def _means(scores: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The mean ``value`` of the annotators, without errors; null if there are only errors."""
    values = pl.col("value").drop_nulls().sort()
    return scores.group_by(keys, maintain_order=True).agg(value=values.mean())
