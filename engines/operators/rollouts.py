"""What the beginning of an answer is worth: the share of its continuations that end right.

    estimate = await Rollouts(k=16).estimate(prompt, prefix, models.policy, check)

The seed of a continuation follows from the row, the prefix and the continuation's number alone. So
whoever asks for the value of a prefix of a prompt, in whatever order and beside whatever else (one
after the other, by binary search, in a tree), gets the same continuations, and pays for them once.
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
    """When a value is known well enough: continuations are asked for ``batch`` at a time until the
    probability that the value is above ``threshold`` is over ``confidence``, or under 1 less that.

    The probability is that of the Beta posterior. Its prior, Beta(1, 2), counts a failure that was
    not seen: a lone right continuation of four may be luck, and does not decide. With the defaults
    three of four do, and none of nine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(default=0.25, gt=0, lt=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    batch: int = Field(default=1, ge=1)

    def decided(self, right: int, of: int) -> bool:
        """Whether ``right`` of ``of`` continuations say on which side of the threshold it is."""
        above = above_threshold(right, of, self.threshold)
        return above > self.confidence or above < 1 - self.confidence


def above_threshold(right: int, of: int, threshold: float) -> float:
    """P(value > ``threshold``) once ``right`` of ``of`` continuations were right: the upper tail of
    Beta(1 + right, 2 + of - right), as the binomial sum that it equals for whole numbers."""
    return sum(
        comb(of + 2, hits) * threshold**hits * (1 - threshold) ** (of + 2 - hits)
        for hits in range(right + 1)
    )


@dataclass(frozen=True, slots=True)
class Rollout:
    """One whole answer: the prefix and how it was continued. ``right`` is None where the check came
    to no result, or the answer was cut off, and ``error`` says why. ``finish``: whether its author
    ended it. ``tokens``: how many the continuation has."""

    text: str
    right: bool | None
    finish: Literal["stop", "length"] = "stop"
    error: str | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the continuations of a prefix came to. ``asked``: how many were asked for; none where
    the prefix is a whole answer, which is its only rollout."""

    rollouts: tuple[Rollout, ...]
    asked: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The whole answers."""
        return tuple(one.text for one in self.rollouts)

    @property
    def right(self) -> int:
        """How many ended right."""
        return sum(one.right is True for one in self.rollouts)

    @property
    def of(self) -> int:
        """How many of them could be checked."""
        return sum(one.right is not None for one in self.rollouts)

    @property
    def value(self) -> float | None:
        """The share that ended right, in [0, 1]; None where none could be checked."""
        return self.right / self.of if self.of else None

    @property
    def error(self) -> str | None:
        """Why there is no value, where there is none."""
        return None if self.of else next((one.error for one in self.rollouts), "no rollout")


@dataclass(frozen=True)
class Rollouts:
    """``k`` continuations of a prefix at most, all at once; fewer where ``adaptive`` finds that
    fewer decide, or ``enough`` of them have ended right for whoever asks.

    One that was cut off is neither right nor wrong, for nobody knows how it would have ended; so it
    counts in no value. ``cut: read`` checks it as if it were whole.

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
        """Continue ``prefix`` by ``model`` and check where that ends.

        ``ended``: the prefix is a whole answer, which is checked as it is. ``model`` is one of the
        prompt's row (``models.at(prompt.prompt_id)`` where the operator's rows are others), so
        that operators share what they paid for.
        """
        if ended:
            return Estimate((await _checked(prompt, prefix, check),), asked=0)
        found: list[Rollout] = []
        step = self.k if self.adaptive is None else self.adaptive.batch
        while len(found) < self.k:
            numbers = range(len(found), min(len(found) + step, self.k))
            found += await asyncio.gather(
                *(self._one(prompt, prefix, model, check, number) for number in numbers)
            )
            estimate = Estimate(tuple(found), len(found))
            if self.adaptive is None:
                continue
            enough = self.enough is not None and estimate.right >= self.enough
            if enough or self.adaptive.decided(estimate.right, estimate.of):
                break
        return Estimate(tuple(found), len(found))

    async def _one(
        self, prompt: Prompt, prefix: str, model: Model, check: BoundedCheck, number: int
    ) -> Rollout:
        written = await continuation(prompt, prefix, model, number, sampling=self.sampling)
        text, tokens = prefix + written.text, written.tokens
        refusal = cut_off(written, self.cut)
        if refusal is not None:
            return Rollout(text, None, written.finish, refusal, tokens)
        found = await _checked(prompt, text, check)
        return replace(found, finish=written.finish, tokens=tokens)


async def continuation(
    prompt: Prompt, prefix: str, model: Model, number: int, *, sampling: Sampling = _DRAWN
) -> SampledText:
    """Rollout ``number`` (from 0) of ``prefix``: the same for whoever asks for it, whether for the
    value of the prefix or for a step to go on with."""
    (written,) = await model.generate(
        begun(prompt.messages, prefix), sampling=sampling, call=f"rollout {number} of {prefix}"
    )
    return written


def begun(messages: Sequence[Message], prefix: str) -> tuple[Message, ...]:
    """``messages`` with an answer that begins with ``prefix``, for a model to go on with."""
    if not prefix:
        return tuple(messages)
    return (*messages, {"role": "assistant", "content": prefix})


async def _checked(prompt: Prompt, text: str, check: BoundedCheck) -> Rollout:
    right, error = await marked(check.submit(prompt.messages, prompt.reference, text))
    return Rollout(text, right, error=error)
