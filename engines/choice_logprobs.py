"""A distribution over a few answers, from the log-probs of single tokens."""

import math
from collections.abc import Mapping, Sequence

from engines.protocol import RowError

Spelling = tuple[int, ...]
"""The tokens of an option, or of its beginning."""


def normalised(logprobs: Sequence[float]) -> list[float]:
    """The same (natural log) less a constant, so that the probabilities add up to 1."""
    most = max(logprobs)
    total = most + math.log(math.fsum(math.exp(value - most) for value in logprobs))
    return [value - total for value in logprobs]


def next_tokens(spelled: Sequence[Spelling]) -> dict[Spelling, list[int]]:
    """For each beginning that an option has, the empty one first, the tokens that options go on
    with: what a model must be asked to know how likely it is to write each option."""
    asked: dict[Spelling, list[int]] = {}
    for spelling in spelled:
        for at, token in enumerate(spelling):
            following = asked.setdefault(spelling[:at], [])
            if token not in following:
                following.append(token)
    return asked


def spelled_choice(
    spelled: Sequence[Spelling], answers: Mapping[Spelling, Mapping[int, float]]
) -> list[float]:
    """Normalised log-probs of options, each the sum over its tokens; the turn's end is left out.

    ``answers``: for each beginning, the log-probs of the tokens `next_tokens` gives for it.
    Raises `RowError` where a token has none, or no probability.
    """
    totals = [
        math.fsum(answers[spelling[:at]].get(token, -math.inf) for at, token in enumerate(spelling))
        for spelling in spelled
    ]
    if not all(map(math.isfinite, totals)):
        raise RowError("the model gives an option no (or a nan) probability")
    return normalised(totals)
