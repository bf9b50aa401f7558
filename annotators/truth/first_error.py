"""Finds the first wrong step of a solution."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from annotators.truth.first_error_votes import NONE, Votes, read_vote
from annotators.truth.rollout_value import UNCUT, Prefixes, RolloutAnnotator, count, raw
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.rollouts import Estimate, Rollouts
from engines.operators.scores import Score
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import TemplateName, Truth, canonical

NAME = "first_error"


class FirstError(RolloutAnnotator):
    """Scores a response by the index of its first wrong step, −1 if none is wrong. Also scores the
    steps that were examined.

    ``by: binary``: a prefix looks right if more than ``threshold`` of its rollouts end right; a
    binary search finds the first wrong step: OmegaPRM (Luo et al. 2024, arXiv:2406.06592, section
    3.2), with threshold 0. ``brute``: every prefix is valued, and the first that does not look
    right ends with the first wrong step: the labels of Math-Shepherd (arXiv:2312.08935). Both check
    the answer first: a right answer continues all its prefixes, so none of its steps is wrong. If
    the first step is found wrong, the prompt itself is valued too. If no rollout of the prompt ends
    right, the score is an error. With ``adaptive``, rollouts of a prefix stop as soon as enough end
    right for it to look right. Findings: as of `annotators.RolloutValue`.

    ``by: judge``: ``model`` sees the steps and names the first wrong one (template
    ``first_error``), greedily, or ``votes`` times. The step with the most votes is taken, the
    earliest of equals. The score of a step is the share of votes that see no error up to it. A vote
    that cannot be read does not count. Without a readable vote the score is an error, and ``raw``
    has the judge's text. A vote that was cut off is not read, unless ``cut_verdicts: read``. A
    response that was cut off has an error, unless ``cut: read``. The parameters of rollouts are
    then not used, except those of sampling with several votes and ``max_tokens``.
    """

    names_steps: ClassVar[bool] = True
    instead_of_truth: ClassVar[str] = "by: judge"

    by: Literal["binary", "brute", "judge"] = "binary"
    threshold: float = Field(default=0.0, ge=0, lt=1)
    votes: int = Field(default=1, ge=1)
    template: TemplateName = "first_error"
    cut_verdicts: Cut = "refuse"

    def needs_truth(self) -> Truth | None:
        return None if self.by == "judge" else super().needs_truth()

    def model_defaults(self) -> dict[str, str]:
        """What a judge writes is a verdict."""
        names = super().model_defaults()
        return names | {"max_tokens": "verdict_tokens"} if self.by == "judge" else names

    @property
    def rollouts(self) -> Rollouts:
        """How a prefix is valued. With ``adaptive``, only until it is known to look right."""
        return replace(super().rollouts, enough=math.floor(self.threshold * self.k) + 1)

    @model_validator(mode="after")
    def _judges_vote(self) -> "FirstError":
        if self.votes > 1 and self.by != "judge":
            raise ValueError("'votes' above 1 needs by: judge")
        return self

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each response one score per examined step, then one of the whole."""
        prefixes = Prefixes(
            self.rollouts, prompt, models, self.model, self.check_of(models.context, prompt.source)
        )
        scored = await asyncio.gather(
            *(self._scores(prompt, response, prefixes, models) for response in responses)
        )
        return [opinion for opinions in scored for opinion in opinions]

    async def _scores(
        self, prompt: Prompt, response: Response, prefixes: Prefixes, models: Models
    ) -> list[Score]:
        if response.steps is None:
            return [prefixes.opinion(response, NAME, None, error=UNCUT)]
        if self.by == "judge":
            if (refusal := cut_off(response, self.cut)) is not None:
                return [prefixes.opinion(response, NAME, None, error=refusal)]
            return await self._judged(prompt, response, models)
        estimates, index, error = await self._searched(response, prefixes)
        count(prefixes.model.counts, sum(one.generated for one in estimates.values()))
        steps = [
            prefixes.opinion(response, NAME, one.value, step=step, raw=raw(one), of=one)
            for step, one in sorted(estimates.items())
        ]
        return [*steps, prefixes.opinion(response, NAME, index, error=error)]

    async def _searched(
        self, response: Response, prefixes: Prefixes
    ) -> tuple[dict[int, Estimate], float | None, str | None]:
        """The values of prefixes, by their last step; and the first wrong step, or the error."""
        assert response.steps is not None
        ends = [span.end for span in response.steps]
        ended = response.finish == "stop"
        last = len(ends) - 1
        estimates: dict[int, Estimate] = {}

        async def looks_right(step: int) -> bool:
            end = ends[step] if step >= 0 else 0
            one = await prefixes.value(response.text[:end], ended=ended and step == last)
            estimates[step] = one
            if one.value is None:
                raise RowError(one.error or "no rollout could be checked")
            return one.value > self.threshold

        try:
            if await looks_right(last):
                return estimates, float(NONE), None
            if self.by == "brute":
                right = await asyncio.gather(*map(looks_right, range(last)))
                index = next((step for step, looks in enumerate(right) if not looks), last)
            else:
                index = await _by_halves(looks_right, last)
            if index == 0 and not await looks_right(-1):
                return estimates, None, "no rollout of the prompt itself ends right"
        except RowError as error:
            return estimates, None, str(error)
        return estimates, float(index), None

    async def _judged(self, prompt: Prompt, response: Response, models: Models) -> list[Score]:
        """The scores of a response by a judge."""
        judge = models.at(response.response_id)[self.model]
        steps = [step.strip() for step in response.step_texts()]
        messages = self.ask(judge, self.template, prompt=prompt, steps=steps)
        greedy = self.votes == 1
        sampling = replace(self.sampling, temperature=0.0) if greedy else self.sampling
        try:
            sampled = await judge.generate(messages, n=self.votes, sampling=sampling)
            votes = Votes.of(
                [one.text for one in sampled],
                lambda text: read_vote(text, len(steps)),
                refused=[cut_off(one, self.cut_verdicts) for one in sampled],
            )
        except RowError as refusal:
            votes = Votes((), (), f"not answered: {refusal}")
        parameters = canonical({"template": self.template, "votes": self.votes})

        of_response = Score(
            response.response_id,
            NAME,
            votes.first_error,
            raw=votes.raw,
            error=votes.error,
            model=judge.revision,
            parameters=parameters,
        )
        unerring = enumerate(votes.unerring(len(steps)))
        return [
            *(replace(of_response, value=share, raw=None, step=at) for at, share in unerring),
            of_response,
        ]


async def _by_halves(looks_right: Callable[[int], Awaitable[bool]], last: int) -> int:
    """The first of the steps 0 to ``last`` that does not look right. All steps before it must look
    right and all after it must not; ``last`` is known not to."""
    right, wrong = -1, last
    while wrong - right > 1:
        middle = (right + wrong) // 2
        if await looks_right(middle):
            right = middle
        else:
            wrong = middle
    return wrong
