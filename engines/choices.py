"""Choices among a few options: the spellings of each, and what they amount to.

An option's probability is that of an answer that begins with one of its spellings. An answer that
begins with several (with ``1`` and ``10``, if each digit is a token) belongs to the longest. So no
text counts twice, and the probabilities of all options add up to their mass, at most 1.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from engines.protocol import Choice, RowError

Spelling = tuple[int, ...]
"""The tokens of an option as it is written, or of a beginning of them."""

_BEFORE = ("", " ", "\n", "**", " **")
"""What a model writes before its answer: nothing, a space, a new line, the marks of bold text."""
_LEAST = 1e-12
"""The least share of a spelling's probability that is left beside longer spellings, for the log."""


def exact(options: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Each option with its own text as the only spelling."""
    return tuple((option,) for option in options)


@lru_cache(maxsize=256)
def spellings(options: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The spellings in which a model may write each option, the option itself first.

    They begin with one of `_BEFORE`. A word is also written in lower case, in capitals and with a
    capital; a single letter is not, because ``a`` is an article. What follows (a full stop, a
    reason) needs no spelling, because an answer only has to begin with one. A spelling that fits
    several options is left out.
    """
    found = [
        dict.fromkeys(before + case for before in _BEFORE for case in _cases(option))
        for option in options
    ]
    shared = [
        {spelling for other in found if other is not own for spelling in own.keys() & other.keys()}
        for own in found
    ]
    return tuple(
        (option, *(spelling for spelling in own if spelling != option and spelling not in several))
        for option, own, several in zip(options, found, shared, strict=True)
    )


def _cases(option: str) -> tuple[str, ...]:
    if len(option) == 1:
        return (option,)
    return (option, option.lower(), option.capitalize(), option.upper())


def tokenised(
    options: Sequence[Sequence[str]], tokens: Callable[[str], Spelling]
) -> list[list[Spelling]]:
    """The tokens of each option's spellings, without those that are spellings of several options.

    Raises:
        RowError: options are empty, or two have the same tokens.
    """
    plain = [tokens(option[0]) for option in options]
    if len(set(plain)) != len(plain) or not all(plain):
        names = [option[0] for option in options]
        raise RowError(f"options must differ and none may be empty: {names}")
    spelled = [
        list(dict.fromkeys([first, *map(tokens, option[1:])]))
        for first, option in zip(plain, options, strict=True)
    ]
    claims: dict[Spelling, int] = {}
    for spelling in chain.from_iterable(spelled):
        claims[spelling] = claims.get(spelling, 0) + 1
    return [
        [first, *(spelling for spelling in own[1:] if spelling and claims[spelling] == 1)]
        for first, own in zip(plain, spelled, strict=True)
    ]


def next_tokens(spelled: Sequence[Spelling]) -> dict[Spelling, list[int]]:
    """The tokens whose log-probs are needed to score spellings.

    Returns:
        For each beginning of a spelling (the empty one first), the tokens that follow it.
    """
    following_tokens: dict[Spelling, list[int]] = {}
    for spelling in spelled:
        for at, token in enumerate(spelling):
            following = following_tokens.setdefault(spelling[:at], [])
            if token not in following:
                following.append(token)
    return following_tokens


def total(spelling: Spelling, answers: Mapping[Spelling, Mapping[int, float]]) -> float:
    """The log-prob of a spelling: the sum over its tokens, −inf if one is unknown. ``answers`` has
    the log-probs of `next_tokens` for each beginning."""
    return math.fsum(
        answers[spelling[:at]].get(token, -math.inf) for at, token in enumerate(spelling)
    )


def option_logprobs(
    spelled: Sequence[Sequence[Spelling]], logprobs: Mapping[Spelling, float]
) -> list[float]:
    """The log-prob of each option, not normalised: the sum over its spellings, each without the
    longer spellings that begin with it.

    Args:
        spelled: the spellings of each option. They all differ.
        logprobs: the log-prob of each spelling.

    Raises:
        RowError: an option has no (or a nan) probability.
    """
    longer: dict[Spelling, list[float]] = {}
    begun: list[Spelling] = []
    # Sorted, a spelling comes right before those that begin with it.
    for spelling in sorted(chain.from_iterable(spelled)):
        while begun and spelling[: len(begun[-1])] != begun[-1]:
            begun.pop()
        if begun:
            longer.setdefault(begun[-1], []).append(logprobs[spelling])
        begun.append(spelling)
    totals = [
        log_sum([_without(logprobs[spelling], longer.get(spelling, ())) for spelling in own])
        for own in spelled
    ]
    if not all(map(math.isfinite, totals)):
        raise RowError("the model gives an option no (or a nan) probability")
    return totals


def _without(logprob: float, longer: Sequence[float]) -> float:
    """The log of a probability minus those of ``longer``, which are parts of it."""
    if not longer or not math.isfinite(logprob):
        return logprob
    left = 1 - math.fsum(math.exp(part - logprob) for part in longer)
    return logprob + math.log(max(left, _LEAST))


def log_sum(logprobs: Sequence[float]) -> float:
    """The log of the sum of probabilities. That of a single one is returned unchanged."""
    most = max(logprobs)
    if len(logprobs) == 1 or not math.isfinite(most):
        return most
    return most + math.log(math.fsum(math.exp(value - most) for value in logprobs))


def choice(totals: Sequence[float]) -> Choice:
    """The choice among options with these log-probs (natural log, not normalised)."""
    log_mass = log_sum(totals)
    return Choice(tuple(value - log_mass for value in totals), min(log_mass, 0.0))
