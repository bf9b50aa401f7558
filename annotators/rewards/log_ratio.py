"""How much likelier one model finds a text than another does."""

import asyncio
import math
from collections.abc import Sequence
from typing import Literal

from engines.model import Model
from engines.protocol import Scored
from engines.rows import Response
from schemas import Message

Normalise = Literal["sum", "token"]
"""Log-probs of a text's tokens added up, or their mean."""


async def log_ratios(
    responses: Sequence[Response],
    above: tuple[Model, Sequence[Message]],
    below: tuple[Model, Sequence[Message]],
    *,
    normalise: Normalise,
) -> list[float]:
    """log p(response | its messages) under ``above`` less the same under ``below``, in nats, for
    each response. Each model is asked once for all of them, so that they share the prompt.

    The token that ends the turn is counted of a response that its author ended; one cut off at the
    length limit never had it.
    """
    texts = [response.text for response in responses]
    end = [response.finish == "stop" for response in responses]
    scored = await asyncio.gather(
        *(model.score(messages, texts, end=end) for model, messages in (above, below))
    )
    return [log_ratio(*both, normalise=normalise) for both in zip(*scored, strict=True)]


def log_ratio(above: Scored, below: Scored, *, normalise: Normalise = "sum") -> float:
    """Log-likelihood of a text under ``above`` less that under ``below``, in nats.

    Each is over its own model's tokens: the two need not share a tokenizer. With ``token`` each is
    divided by how many tokens it has, before the difference is taken.
    """
    return _likelihood(above, normalise) - _likelihood(below, normalise)


def _likelihood(scored: Scored, normalise: Normalise) -> float:
    total = math.fsum(scored.logprobs)
    return total / max(len(scored.logprobs), 1) if normalise == "token" else total
