"""Rewards by the likelihood of the next message of the user: thanks, or a complaint."""

import asyncio
import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from annotators.probes.probed import ProbedAnnotator
from engines.model import Models
from engines.operators.scores import Score, opinions
from engines.protocol import Scored
from engines.rows import Prompt, Response
from schemas import ModelDefault, ScoringRole, TemplateName


class FollowupLikelihood(ProbedAnnotator):
    """How much likelier ``positive`` follow-ups of the user are after a response than ``negative``
    ones, in nats per token.

    r(x, y) = mean over p in positive of ℓ(p) − mean over n in negative of ℓ(n). ℓ is the mean
    log-prob of the tokens of a follow-up as the user's next turn, which ``template`` asks ``model``
    for. The end of the turn is not scored, so what the user says after the follow-up does not
    count.

    Source: Zhang et al. 2024, Follow-up Likelihood as Reward (arXiv:2409.13948): positive relative
    to negative follow-ups. How that paper combines them could not be confirmed. This is the method
    of its predecessor FED (Mehri and Eskenazi 2020, arXiv:2006.12719), with means instead of sums,
    so that the number and length of follow-ups do not matter.
    """

    model: ScoringRole = "policy"
    positive: Annotated[tuple[str, ...], ModelDefault("positive_followups")] = Field(
        default=(
            "Thank you, that is exactly what I asked for.",
            "That answers my question.",
            "Great, this helps me a lot.",
        ),
        min_length=1,
    )
    negative: Annotated[tuple[str, ...], ModelDefault("negative_followups")] = Field(
        default=(
            "That is not what I asked for.",
            "Are you sure? That does not look right.",
            "I don't understand what you mean.",
            "You left out part of what I asked.",
        ),
        min_length=1,
    )
    template: TemplateName = "followup"

    @model_validator(mode="after")
    def _different(self) -> "FollowupLikelihood":
        followups = [*self.positive, *self.negative]
        if not all(text.strip() for text in followups):
            raise ValueError("a follow-up is empty: write what the user would say")
        if len(set(followups)) < len(followups):
            raise ValueError("a follow-up is named twice: each counts once, on one side")
        return self

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response. All follow-ups of a response are scored in one call, so that the
        dialogue before them is processed once."""
        model = models[self.model]
        followups = [*self.positive, *self.negative]
        scored = await asyncio.gather(
            *(
                models.about(response.response_id)[self.model].score(
                    self.ask(model, self.template, prompt=prompt, response=response.text),
                    followups,
                    end=[False] * len(followups),
                )
                for response in responses
            )
        )
        values = [
            contrast(logprobs[: len(self.positive)], logprobs[len(self.positive) :])
            for logprobs in scored
        ]
        parameters = {"positive": self.positive, "negative": self.negative}
        name, revision = "followup_likelihood", model.scoring_revision
        return opinions(name, responses, values, model=revision, parameters=parameters)


def contrast(positive: Sequence[Scored], negative: Sequence[Scored]) -> float:
    """The mean log-prob per token of ``positive`` texts minus that of ``negative`` ones, in nats.
    Each text has the same weight, whatever its length."""
    return _mean([_mean(one.logprobs) for one in positive]) - _mean(
        [_mean(one.logprobs) for one in negative]
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
