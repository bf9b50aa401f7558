"""The likelihood of responses under a model."""

import math
from collections.abc import Sequence
from typing import Literal

from annotators.annotator import Annotator
from annotators.rewards.log_ratio import text_scores, thoughts_scored
from engines.model import Models
from engines.operators.scores import Score, opinions
from engines.rows import Prompt, Response
from schemas import ScoringRole


class Likelihood(Annotator):
    """The log-likelihood of each response under ``model``, in nats.

    log p(response | prompt) = Σ_t log p(token_t | prompt, tokens before t)

    The token that ends the turn is counted for a finished response. It is not counted for a
    response that was cut off, which does not contain it. ``normalise: token`` divides by the number
    of counted tokens (the annotator name is then ``likelihood_per_token``).

    With ``after_thoughts``, each text is scored after its response's thought. By default that
    thought is empty where the model thinks. After `filters.JoinReasoning` it is scored too.
    """

    model: ScoringRole = "policy"
    normalise: Literal["sum", "token"] = "sum"
    after_thoughts: bool = False

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        model = models[self.model]
        scored = await text_scores(
            model, prompt.messages, responses, after_thoughts=self.after_thoughts
        )
        per_token = self.normalise == "token"
        name = "likelihood_per_token" if per_token else "likelihood"
        values = [
            math.fsum(one.logprobs) / (max(len(one.logprobs), 1) if per_token else 1)
            for one in scored
        ]
        parameters = {"normalise": self.normalise} | thoughts_scored(self.after_thoughts)
        return opinions(
            name, responses, values, model=model.scoring_revision, parameters=parameters
        )
