"""Runs a coroutine for each prompt with the policy before and after training."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.rebinding import with_weights
from engines.operators.row_operator import each_prompt
from engines.operators.run_rows import Failed, run_rows
from engines.rows import Prompt
from schemas import Usage

Result = TypeVar("Result")


def with_both_policies(
    work: Callable[[Prompt, Models], Awaitable[Result]],
    prompts: pl.DataFrame,
    checkpoint: Mapping[str, Any],
    context: Context,
    *,
    role: str,
    failed: FailedRows,
) -> tuple[dict[str, Result], dict[str, Result], Usage]:
    """The results before and after training, by prompt id, and the usage.

    The policies are loaded one after the other. If nothing was trained, one runs for both.

    Args:
        work: gives the result of a prompt.
        prompts: `schemas.Prompts`.
        checkpoint: a row of `schemas.Checkpoints`.
        context: the stage and its run.
        role: the role that is bound to the weights of each policy.
        failed: takes the prompts that fail.
    """
    after, usage = _results(work, prompts, checkpoint["path"], context, role, failed)
    if checkpoint["path"] == checkpoint["start"]:
        return after, after, usage
    # A prompt that failed is not tried again.
    remaining = prompts.filter(pl.col("prompt_id").is_in(list(after)))
    before, more = _results(work, remaining, checkpoint["start"], context, role, failed)
    return before, after, usage + more


def _results(
    work: Callable[[Prompt, Models], Awaitable[Result]],
    prompts: pl.DataFrame,
    weights: str,
    context: Context,
    role: str,
    failed: FailedRows,
) -> tuple[dict[str, Result], Usage]:
    run = run_rows(
        ((prompt.prompt_id, prompt) for prompt in each_prompt(prompts)),
        work,
        with_weights(context, role, weights),
        total=prompts.height,
    )
    results: dict[str, Result] = {}
    for outcome in run:
        if isinstance(outcome, Failed):
            failed.add(outcome, [outcome.item.prompt_id])
        else:
            results[outcome.item.prompt_id] = outcome.result
    return results, run.usage
