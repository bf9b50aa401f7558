"""A distribution over a few options, from the log-probs of single tokens."""

import math
from collections.abc import Mapping, Sequence

from engines.protocol import RowError

Spelling = tuple[int, ...]
"""The tokens of an option, or of its beginning."""


def normalised(logprobs: Sequence[float]) -> list[float]:
    """Log-probs (natural log) minus a constant, so that the probabilities add up to 1."""
    most = max(logprobs)
    total = most + math.log(math.fsum(math.exp(value - most) for value in logprobs))
    return [value - total for value in logprobs]


def next_tokens(spelled: Sequence[Spelling]) -> dict[Spelling, list[int]]:
    """The tokens whose log-probs are needed to score the options.

    Returns:
        For each beginning of an option (the empty one first), the tokens that follow it in the
        options.
    """
    following_tokens: dict[Spelling, list[int]] = {}
    for spelling in spelled:
        for at, token in enumerate(spelling):
            following = following_tokens.setdefault(spelling[:at], [])
            if token not in following:
                following.append(token)
    return following_tokens


def spelled_choice(
    spelled: Sequence[Spelling], answers: Mapping[Spelling, Mapping[int, float]]
) -> list[float]:
    """Normalised log-probs of options. Each is the sum over its tokens, without the turn's end.

    Args:
        spelled: the tokens of each option.
        answers: for each beginning, the log-probs of its tokens of `next_tokens`.

    Raises:
        RowError: a token has no log-prob, or one that is not finite.
    """
    totals = [
        math.fsum(answers[spelling[:at]].get(token, -math.inf) for at, token in enumerate(spelling))
        for spelling in spelled
    ]
    if not all(map(math.isfinite, totals)):
        raise RowError("the model gives an option no (or a nan) probability")
    return normalised(totals)
