"""Where a solution goes wrong: the first of its steps after which nothing ends right any more."""

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
from engines.protocol import RowError, Sampling
from engines.rows import Prompt, Response
from schemas import InnerFile, canonical

NAME = "first_error"


class FirstError(RolloutAnnotator):
    """Scores a response by the index of its first wrong step, −1 where none is wrong; and the steps
    that it looked at by what decided that.

    ``binary``: a prefix looks right if more than ``threshold`` of its rollouts end right, and the
    first wrong step is searched by halves: OmegaPRM (Luo et al. 2024, arXiv:2406.06592, section
    3.2), whose threshold is 0. ``brute``: every prefix is valued, and the first that does not look
    right is it: Math-Shepherd's labels (arXiv:2312.08935). Either way the answer is checked first:
    a right one is a right continuation of all its prefixes, so no step of it is wrong. Where the
    first step is found, so is the prompt itself valued: if no rollout of that ends right either,
    nothing is told of the step, and the score is an error. With ``adaptive`` no more rollouts are
    asked for once as many ended right as make a prefix look right of ``k``. Findings: as of
    `annotators.RolloutValue`.

    ``judge``: ``model`` is shown the steps and names the first that is wrong (template
    ``first_error``), greedily, or ``votes`` times. The step most named is it, of those named as
    often the earliest; a step's score is the share of the votes that see no error up to there. A
    vote that cannot be read is none; without any the score is an error, and ``raw`` has the judge's
    words. A vote that was cut off is not read, unless ``cut_verdicts: read``, and a response that
    was cut off has an error, unless ``cut: read``. The rollouts' parameters, ``temperature`` and
    ``max_tokens`` but for several votes, are then of no account.
    """

    names_steps: ClassVar[bool] = True

    by: Literal["binary", "brute", "judge"] = "binary"
    threshold: float = Field(default=0.0, ge=0, lt=1)
    votes: int = Field(default=1, ge=1)
    template: InnerFile = "first_error"
    cut_verdicts: Cut = "refuse"

    @property
    def rollouts(self) -> Rollouts:
        """How a prefix is valued: with ``adaptive`` no further than that it surely looks right."""
        return replace(super().rollouts, enough=math.floor(self.threshold * self.k) + 1)

    @model_validator(mode="after")
    def _judges_vote(self) -> "FirstError":
        if self.votes > 1 and self.by != "judge":
            raise ValueError("'votes' are a judge's, and go with by: judge")
        return self

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """Of each response one opinion a step that was looked at, then one of the whole."""
        told = Prefixes(
            self.rollouts, prompt, models, self.model, self.check_of(models.context, prompt.source)
        )
        scored = await asyncio.gather(
            *(self._told(prompt, response, told, models) for response in responses)
        )
        return [opinion for opinions in scored for opinion in opinions]

    async def _told(
        self, prompt: Prompt, response: Response, told: Prefixes, models: Models
    ) -> list[Score]:
        if response.steps is None:
            return [told.opinion(response, NAME, None, error=UNCUT)]
        if self.by == "judge":
            if (refusal := cut_off(response, self.cut)) is not None:
                return [told.opinion(response, NAME, None, error=refusal)]
            return await self._judged(prompt, response, models)
        seen, found, error = await self._searched(response, told)
        count(told.model.counts, sum(one.asked for one in seen.values()))
        steps = [
            told.opinion(response, NAME, one.value, step=step, raw=raw(one), of=one)
            for step, one in sorted(seen.items())
        ]
        return [*steps, told.opinion(response, NAME, found, error=error)]

    async def _searched(
        self, response: Response, told: Prefixes
    ) -> tuple[dict[int, Estimate], float | None, str | None]:
        """What prefixes are worth, by their last step; and the first wrong step, or why there is no
        telling."""
        assert response.steps is not None
        ends = [span.end for span in response.steps]
        ended = response.finish == "stop"
        last = len(ends) - 1
        seen: dict[int, Estimate] = {}

        async def looks_right(step: int) -> bool:
            end = ends[step] if step >= 0 else 0
            one = await told.value(response.text[:end], ended=ended and step == last)
            seen[step] = one
            if one.value is None:
                raise RowError(one.error or "no rollout could be checked")
            return one.value > self.threshold

        try:
            if await looks_right(last):
                return seen, float(NONE), None
            if self.by == "brute":
                right = await asyncio.gather(*map(looks_right, range(last)))
                found = next((step for step, looks in enumerate(right) if not looks), last)
            else:
                found = await _by_halves(looks_right, last)
            if found == 0 and not await looks_right(-1):
                return seen, None, "no rollout of the prompt itself ends right"
        except RowError as error:
            return seen, None, str(error)
        return seen, float(found), None

    async def _judged(self, prompt: Prompt, response: Response, models: Models) -> list[Score]:
        """What a judge says of a response."""
        judge = models.at(response.response_id)[self.model]
        steps = [step.strip() for step in response.step_texts()]
        asked = self.ask(judge, self.template, prompt=prompt, steps=steps)
        greedy = self.votes == 1
        sampling = Sampling(
            temperature=0.0 if greedy else self.temperature, max_tokens=self.max_tokens
        )
        try:
            written = await judge.generate(asked, n=self.votes, sampling=sampling)
            votes = Votes.of(
                [one.text for one in written],
                lambda text: read_vote(text, len(steps)),
                refused=[cut_off(one, self.cut_verdicts) for one in written],
            )
        except RowError as refusal:
            votes = Votes((), (), f"not answered: {refusal}")
        parameters = canonical({"template": self.template, "votes": self.votes})

        whole = Score(
            response.response_id,
            NAME,
            votes.first_error,
            raw=votes.raw,
            error=votes.error,
            model=judge.revision,
            parameters=parameters,
        )
        unerring = enumerate(votes.unerring(len(steps)))
        return [*(replace(whole, value=share, raw=None, step=at) for at, share in unerring), whole]


async def _by_halves(looks_right: Callable[[int], Awaitable[bool]], last: int) -> int:
    """The first of the steps 0 to ``last`` that does not look right, if all before it do and all
    after it do not; ``last`` itself is known not to."""
    right, wrong = -1, last
    while wrong - right > 1:
        middle = (right + wrong) // 2
        if await looks_right(middle):
            right = middle
        else:
            wrong = middle
    return wrong
