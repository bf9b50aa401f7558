"""Estimates the value of an answer's prefix: the share of its continuations that end right.

    estimate = await Rollouts(k=16).estimate(prompt, prefix, models.policy, check)

The seed of a continuation depends only on the row, the prefix and the continuation's number. So a
prefix of a prompt always gets the same continuations, in any order of requests (in sequence, by
binary search, in a tree), and they are paid for once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engines.checks import BoundedCheck, marked
from engines.model import Model, SampledText
from engines.operators.cut_off import Cut, cut_off
from engines.protocol import Sampling
from engines.rows import Prompt
from schemas import Message

_DRAWN = Sampling()


class Adaptive(BaseModel):
    """Early stopping of rollouts.

    Continuations are generated ``batch`` at a time, until the probability that the value is above
    ``threshold`` is over ``confidence`` or under 1 - ``confidence``. The probability is that of the
    Beta posterior. Its prior, Beta(1, 2), adds one failure: one right continuation of four may be
    chance and does not decide. With the defaults, three right of four decide, and none of nine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(default=0.25, gt=0, lt=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    batch: int = Field(default=1, ge=1)

    def decided(self, right: int, of: int) -> bool:
        """Whether ``right`` right continuations out of ``of`` are enough to decide."""
        above = above_threshold(right, of, self.threshold)
        return above > self.confidence or above < 1 - self.confidence


def above_threshold(right: int, of: int, threshold: float) -> float:
    """P(value > ``threshold``) given ``right`` right continuations out of ``of``: the upper tail of
    Beta(1 + right, 2 + of - right), computed as the equal binomial sum."""
    return sum(
        comb(of + 2, hits) * threshold**hits * (1 - threshold) ** (of + 2 - hits)
        for hits in range(right + 1)
    )


@dataclass(frozen=True, slots=True)
class Rollout:
    """One complete answer.

    Attributes:
        text: the prefix and its continuation.
        right: whether the answer is right; None if the check has no result or the answer was cut
            off.
        finish: whether the answer ended or was cut off.
        error: why ``right`` is None.
        tokens: the tokens of the continuation.
    """

    text: str
    right: bool | None
    finish: Literal["stop", "length"] = "stop"
    error: str | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The results of a prefix's continuations. ``generated`` is their number; 0 if the prefix is a
    complete answer, which is then the only rollout."""

    rollouts: tuple[Rollout, ...]
    generated: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The complete answers."""
        return tuple(rollout.text for rollout in self.rollouts)

    @property
    def right(self) -> int:
        """The number of right answers."""
        return sum(rollout.right is True for rollout in self.rollouts)

    @property
    def of(self) -> int:
        """The number of checked answers."""
        return sum(rollout.right is not None for rollout in self.rollouts)

    @property
    def value(self) -> float | None:
        """The share of right answers, in [0, 1]; None if no answer was checked."""
        return self.right / self.of if self.of else None

    @property
    def error(self) -> str | None:
        """Why there is no value; None if there is one."""
        if self.of:
            return None
        return next((rollout.error for rollout in self.rollouts), "no rollout")


@dataclass(frozen=True)
class Rollouts:
    """At most ``k`` continuations of a prefix, all at once. With ``adaptive``, in batches until
    they decide, or until ``enough`` are right.

    A continuation that was cut off is neither right nor wrong, so it does not count.
    ``cut: read`` checks it as if it were complete.

    Source: Wang et al. 2024, Math-Shepherd (arXiv:2312.08935), section 3.2, for the estimate.
    """

    k: int = 16
    sampling: Sampling = _DRAWN
    adaptive: Adaptive | None = None
    enough: int | None = None
    cut: Cut = "refuse"

    async def estimate(
        self,
        prompt: Prompt,
        prefix: str,
        model: Model,
        check: BoundedCheck,
        *,
        ended: bool = False,
    ) -> Estimate:
        """Continue ``prefix`` with ``model`` and check the answers.

        Args:
            prompt: the task.
            prefix: the beginning of an answer.
            model: the model, with the prompt's row id (``models.at(prompt.prompt_id)`` if the
                operator's rows are not prompts). Then operators share their continuations.
            check: the check of the answers.
            ended: whether the prefix is a complete answer, which is checked without continuation.
        """
        if ended:
            return Estimate((await _checked(prompt, prefix, check),), generated=0)
        rollouts: list[Rollout] = []
        step = self.k if self.adaptive is None else self.adaptive.batch
        while len(rollouts) < self.k:
            numbers = range(len(rollouts), min(len(rollouts) + step, self.k))
            rollouts += await asyncio.gather(
                *(self._one(prompt, prefix, model, check, number) for number in numbers)
            )
            estimate = Estimate(tuple(rollouts), len(rollouts))
            if self.adaptive is None:
                continue
            enough = self.enough is not None and estimate.right >= self.enough
            if enough or self.adaptive.decided(estimate.right, estimate.of):
                break
        return Estimate(tuple(rollouts), len(rollouts))

    async def _one(
        self, prompt: Prompt, prefix: str, model: Model, check: BoundedCheck, number: int
    ) -> Rollout:
        sample = await continuation(prompt, prefix, model, number, sampling=self.sampling)
        text, tokens = prefix + sample.text, sample.tokens
        refusal = cut_off(sample, self.cut)
        if refusal is not None:
            return Rollout(text, None, sample.finish, refusal, tokens)
        rollout = await _checked(prompt, text, check)
        return replace(rollout, finish=sample.finish, tokens=tokens)


async def continuation(
    prompt: Prompt, prefix: str, model: Model, number: int, *, sampling: Sampling = _DRAWN
) -> SampledText:
    """Rollout ``number`` (from 0) of ``prefix``: the same text whether it is used for the value of
    the prefix or for its next step."""
    (sample,) = await model.generate(
        begun(prompt.messages, prefix), sampling=sampling, call=f"rollout {number} of {prefix}"
    )
    return sample


def begun(messages: Sequence[Message], prefix: str) -> tuple[Message, ...]:
    """``messages`` with an answer that begins with ``prefix``, for a model to continue."""
    if not prefix:
        return tuple(messages)
    return (*messages, {"role": "assistant", "content": prefix})


async def _checked(prompt: Prompt, text: str, check: BoundedCheck) -> Rollout:
    right, error = await marked(check.submit(prompt.messages, prompt.reference, text))
    return Rollout(text, right, error=error)
