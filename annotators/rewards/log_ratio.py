"""Log-likelihood ratios of texts under two models."""

import asyncio
import math
from collections.abc import Sequence
from typing import Literal

from engines.model import Model
from engines.protocol import Scored
from engines.rows import Response
from schemas import Message

Normalise = Literal["sum", "token"]
"""The sum of the log-probs of a text's tokens, or their mean."""


async def log_ratios(
    responses: Sequence[Response],
    above: tuple[Model, Sequence[Message]],
    below: tuple[Model, Sequence[Message]],
    *,
    normalise: Normalise,
) -> list[float]:
    """For each response log p(response | its messages) under ``above`` minus the same under
    ``below``, in nats. Each model scores all responses in one call, so that they share the prompt.

    The token that ends the turn is counted for a finished response. A response that was cut off
    does not contain it.
    """
    texts = [response.text for response in responses]
    end = [response.finish == "stop" for response in responses]
    scored = await asyncio.gather(
        *(model.score(messages, texts, end=end) for model, messages in (above, below))
    )
    return [log_ratio(*both, normalise=normalise) for both in zip(*scored, strict=True)]


def log_ratio(above: Scored, below: Scored, *, normalise: Normalise = "sum") -> float:
    """The log-likelihood of a text under ``above`` minus that under ``below``, in nats.

    Each is computed over the tokens of its own model, so the tokenizers may differ. ``normalise:
    token`` divides each by its number of tokens first.
    """
    return _likelihood(above, normalise) - _likelihood(below, normalise)


def _likelihood(scored: Scored, normalise: Normalise) -> float:
    total = math.fsum(scored.logprobs)
    return total / max(len(scored.logprobs), 1) if normalise == "token" else total
