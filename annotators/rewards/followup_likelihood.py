"""What the user would say next: thanks, or a complaint."""

import asyncio
import math
from collections.abc import Sequence

from pydantic import Field, model_validator

from annotators.probes.probed import ProbedAnnotator
from engines.model import Models
from engines.operators.scores import Score, opinions
from engines.protocol import Scored
from engines.rows import Prompt, Response
from schemas import InnerFile, ScoringRole


class FollowupLikelihood(ProbedAnnotator):
    """How much likelier ``positive`` follow-ups of the user are after a response than ``negative``
    ones, in nats a token.

    r(x, y) = mean over p in positive of ℓ(p) − mean over n in negative of ℓ(n), where ℓ is the mean
    log-prob of a follow-up's tokens as the user's next turn, which ``template`` asks ``model`` for.
    What the user goes on to say after it does not count: the turn's end is not scored.

    Source: Zhang et al. 2024, Follow-up Likelihood as Reward (arXiv:2409.13948): positive relative
    to negative follow-ups. How that paper adds them up could not be confirmed; this is how its
    forerunner FED does (Mehri and Eskenazi 2020, arXiv:2006.12719), with means for sums, so that
    neither the number nor the length of the follow-ups has a say.
    """

    model: ScoringRole = "policy"
    positive: tuple[str, ...] = Field(min_length=1)
    negative: tuple[str, ...] = Field(min_length=1)
    template: InnerFile = "followup"

    @model_validator(mode="after")
    def _told_apart(self) -> "FollowupLikelihood":
        said = [*self.positive, *self.negative]
        if not all(text.strip() for text in said):
            raise ValueError("a follow-up says nothing: write what the user would say")
        if len(set(said)) < len(said):
            raise ValueError("a follow-up is named twice: each counts once, on one side")
        return self

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response. All follow-ups of a response are scored in one call, so that the
        dialogue before them is read once."""
        model = models[self.model]
        said = [*self.positive, *self.negative]
        scored = await asyncio.gather(
            *(
                model.score(
                    self.ask(model, self.template, prompt=prompt, response=response.text),
                    said,
                    end=[False] * len(said),
                )
                for response in responses
            )
        )
        values = [
            contrast(followups[: len(self.positive)], followups[len(self.positive) :])
            for followups in scored
        ]
        known = {"positive": self.positive, "negative": self.negative}
        name, revision = "followup_likelihood", model.scoring_revision
        return opinions(name, responses, values, model=revision, parameters=known)


def contrast(positive: Sequence[Scored], negative: Sequence[Scored]) -> float:
    """The mean log-prob a token of ``positive`` texts less that of ``negative`` ones, in nats; each
    text counts the same, however long."""
    return _mean([_mean(one.logprobs) for one in positive]) - _mean(
        [_mean(one.logprobs) for one in negative]
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
