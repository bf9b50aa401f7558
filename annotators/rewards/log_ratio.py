"""Log-likelihood ratios of texts under two models."""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from typing import Literal

from engines.model import Model, thinking_before
from engines.protocol import RowError, Scored
from engines.rows import Response
from schemas import Message

Normalise = Literal["sum", "token"]
"""The sum of the log-probs of a text's tokens, or their mean."""


def thoughts_scored(after_thoughts: bool) -> dict[str, bool]:
    """What the parameters of a score say of ``after_thoughts``: nothing by default, as before there
    was such a parameter."""
    return {"after_thoughts": True} if after_thoughts else {}


async def text_scores(
    model: Model,
    messages: Sequence[Message],
    responses: Sequence[Response],
    *,
    after_thoughts: bool = False,
) -> list[Scored]:
    """The log-probs of the texts of ``responses`` as the answer to ``messages``.

    The token that ends the turn is counted for a finished response. A response that was cut off
    does not contain it. With ``after_thoughts``, each text follows its response's thought, if it
    has one; otherwise all are scored in one call, so that they share the prompt. Of a transcript,
    the assistant's turns are scored, each after the turns before it.

    Raises:
        RowError: a transcript has a thought apart from its text, and ``after_thoughts`` is set.
    """
    groups: dict[str | None, list[int]] = {}
    transcript_scores: dict[int, Awaitable[Scored]] = {}
    for number, response in enumerate(responses):
        if response.turns is not None:
            if after_thoughts and response.reasoning is not None:
                raise RowError("after_thoughts: a transcript has no thought apart from its text")
            transcript_scores[number] = _transcript_scores(model, messages, response)
            continue
        groups.setdefault(response.reasoning if after_thoughts else None, []).append(number)
    scored = await asyncio.gather(
        *(
            model.score(
                thinking_before(messages, thought),
                [responses[number].text for number in numbers],
                end=[responses[number].finish == "stop" for number in numbers],
            )
            for thought, numbers in groups.items()
        )
    )
    transcripts = dict(
        zip(transcript_scores, await asyncio.gather(*transcript_scores.values()), strict=True)
    )
    by_number = transcripts | {
        number: one
        for numbers, ones in zip(groups.values(), scored, strict=True)
        for number, one in zip(numbers, ones, strict=True)
    }
    return [by_number[number] for number in range(len(responses))]


async def _transcript_scores(
    model: Model, messages: Sequence[Message], response: Response
) -> Scored:
    """The log-probs of the tokens of the assistant's turns. All but the last are ended."""
    turns = response.messages()
    scored = await asyncio.gather(
        *(
            model.score(
                [*messages, *turns[:place]],
                [turn["content"]],
                end=[place + 1 < len(turns) or response.finish == "stop"],
            )
            for place, turn in enumerate(turns)
            if turn["role"] == "assistant"
        )
    )
    ones = [one for (one,) in scored]
    return Scored(
        tuple(token for one in ones for token in one.token_ids),
        tuple(logprob for one in ones for logprob in one.logprobs),
    )


async def log_ratios(
    responses: Sequence[Response],
    above: tuple[Model, Sequence[Message]],
    below: tuple[Model, Sequence[Message]],
    *,
    normalise: Normalise,
    after_thoughts: bool = False,
) -> list[float]:
    """For each response log p(response | its messages) under ``above`` minus the same under
    ``below``, in nats (`text_scores`)."""
    scored = await asyncio.gather(
        *(
            text_scores(model, messages, responses, after_thoughts=after_thoughts)
            for model, messages in (above, below)
        )
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
