"""The share of wins of each response over the others, by a model whose preferences may be
cyclic."""

import asyncio
import math
from collections.abc import Sequence
from statistics import fmean

from pydantic import Field

from annotators.rewards.trained_reward import TrainedReward
from engines.model import Models
from engines.operators.scores import Score
from engines.protocol import EngineError, RowError
from engines.rows import Prompt, Response
from schemas import canonical


class PreferenceScore(TrainedReward):
    """Scores a response by the mean probability, in [0, 1], that it is preferred to each of the
    prompt's other responses: σ(⟨R·v, u⟩ / ``temperature``), by the vectors of a model that
    `trainers.RewardModel` trained with form embedding. ``raw`` has the vector, in JSON.

    The opponents are the other responses of the stage, so a score is of that set; of two responses
    it is the preference between them. A response that is too long for the model has an error and is
    no opponent, and so has one without an opponent.

    Source: Zhang et al. 2024, General Preference Modeling (arXiv:2410.02197).
    """

    temperature: float = Field(default=0.1, gt=0)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        vectors = await asyncio.gather(*(self._vector(prompt, each, models) for each in responses))
        revision = models[self.model].reward_revision(dropout=None)
        scores = []
        for place, (response, vector) in enumerate(zip(responses, vectors, strict=True)):
            value, error, raw = None, None, None
            if isinstance(vector, str):
                error = vector
            else:
                others = [u for n, u in enumerate(vectors) if n != place and not isinstance(u, str)]
                raw = canonical({"vector": list(vector)})
                if others:
                    value = fmean(preference(vector, u, self.temperature) for u in others)
                else:
                    error = "the prompt has no other response to compare it with"
            scores.append(
                Score(
                    response.response_id,
                    "preference",
                    value,
                    raw=raw,
                    error=error,
                    model=revision,
                    parameters=canonical({"temperature": self.temperature}),
                )
            )
        return scores

    async def _vector(
        self, prompt: Prompt, response: Response, models: Models
    ) -> tuple[float, ...] | str:
        """The vector of a response, or why there is none."""
        model = models.about(response.response_id)[self.model]
        try:
            vector = await model.reward(
                prompt.messages, response.text, end=response.finish == "stop"
            )
        except RowError as refusal:
            return str(refusal)
        # Before the training of a stage that is only tried, there is one reward of 0.
        if len(vector) % 2 and any(vector):
            raise EngineError(
                f"the model of role {self.model!r} gives no vector of planes, but "
                f"{len(vector)} numbers: train one with trainers.RewardModel, form: embedding"
            )
        return vector


def preference(one: Sequence[float], other: Sequence[float], temperature: float) -> float:
    """The probability that a response is preferred to another, by their vectors of planes
    (x₀, y₀, x₁, y₁, …), which are first divided by their lengths."""
    v, u = _unit(one), _unit(other)
    planes = range(0, len(v) - 1, 2)
    s = math.fsum(v[n] * u[n + 1] - v[n + 1] * u[n] for n in planes) / temperature
    return 1 / (1 + math.exp(-s)) if s > 0 else math.exp(s) / (1 + math.exp(s))


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else list(vector)
