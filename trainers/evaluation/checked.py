"""Answers of a policy, checked."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import polars as pl

from engines.checks import CheckError, check_for, require_checks
from engines.context import Context
from engines.model import SampledText
from engines.operators.cut_off import Cut, cut_off
from engines.protocol import RowError
from engines.rows import Prompt

log = logging.getLogger(__name__)


class UnreadableReference(RowError):
    """The reference of a prompt cannot be read, so no answer can be checked."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The results of one policy on one prompt: whether the greedy answer is right, its length in
    characters, and how many sampled answers are right."""

    greedy: bool
    length: int
    right: int


def usable(prompts: pl.DataFrame, context: Context, *, path: str | None) -> pl.Series:
    """Whether each prompt has the reference that its check compares with.

    Args:
        prompts: `schemas.Prompts`.
        context: the stage, with the check of each source.
        path: the import path of a check that replaces them.

    Raises:
        EngineError: the check of a source is unknown.
    """
    require_checks(context, prompts, path=path)
    comparing = [
        source
        for source in prompts["source"].unique()
        if check_for(context, source, path=path).reads_references
    ]
    return prompts["reference"].is_not_null() | ~prompts["source"].is_in(comparing)


async def marks(
    prompt: Prompt,
    greedy: SampledText,
    sampled: Sequence[SampledText],
    context: Context,
    *,
    path: str | None,
    cut: Cut,
) -> Marks:
    """Check the answers to a prompt.

    Raises:
        UnreadableReference: the reference cannot be read.
    """
    check = check_for(context, prompt.source, path=path)
    answers = [greedy, *sampled]
    checks = [check.submit(prompt.messages, prompt.reference, one.text) for one in answers]
    # All answers are checked, so that an unreadable reference is always reported.
    right = [
        await _right(answer) and cut_off(one, cut) is None
        for one, answer in zip(answers, checks, strict=True)
    ]
    return Marks(right[0], len(greedy.text), sum(right[1:]))


async def _right(answer: "Future[bool]") -> bool:
    try:
        return answer.result() if answer.done() else await asyncio.wrap_future(answer)
    except ValueError as error:
        raise UnreadableReference(str(error)) from error
    except CheckError as error:
        log.debug("an answer counts as wrong: %s", error)
        return False
