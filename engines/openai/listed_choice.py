"""The probabilities of a few options, from the most likely first tokens that a server lists."""

import math
from collections.abc import Sequence
from dataclasses import replace

from engines.choices import choice
from engines.openai.responses import ChatChoice
from engines.protocol import Choice, EngineError, RowError

_UNCLEAR = 0.01
"""The largest share of the probability that may be ambiguous between options. It is left out."""


def listed_choice(first: ChatChoice, options: Sequence[Sequence[str]], *, server: str) -> Choice:
    """The probabilities of ``options``.

    A token counts for an option if it equals or begins one of its spellings. Leading blank space
    does not count. An option without a listed token gets the log-prob of the least likely listed
    token, its upper bound. The mass is that of the listed tokens.

    Args:
        first: the first token, with a list of the most likely first tokens.
        options: the spellings of each option, the plain one first.
        server: the server's name, for messages.

    Raises:
        RowError: the server lists no tokens, or gives no log-prob of a token that begins an option;
            no token begins any option; or more than `_UNCLEAR` of the probability belongs to tokens
            that begin several options, as "Response" begins "Response A" and "Response B".
    """
    names = [option[0] for option in options]
    listed = (first.tokens[0].top_logprobs if first.tokens else None) or []
    texts = [token.token.lstrip() for token in listed]
    mass = dict.fromkeys(names, 0.0)
    unclear = 0.0
    known: list[float] = []
    for token, text in zip(listed, texts, strict=True):
        candidates = [option[0] for option in options if text and _begins(text, option, texts)]
        if token.logprob is None or not token.known:
            if candidates:
                raise RowError(f"{server} gives no log-prob of {token.token!r} for this prompt")
            continue
        known.append(token.logprob)
        if len(candidates) == 1:
            mass[candidates[0]] += math.exp(token.logprob)
        elif candidates:
            unclear += math.exp(token.logprob)
    if not known:
        raise RowError(f"{server} gives no log-probs for this prompt, and choosing needs them")
    mass_total = math.fsum(mass.values()) + unclear
    likeliest = ", ".join(repr(token.token) for token in listed[:5])
    if not mass_total:
        raise RowError(f"{server} would write none of {names}; likeliest are {likeliest}")
    if unclear > _UNCLEAR * mass_total:
        raise RowError(
            f"the first token that {server} would write ({likeliest}) does not tell "
            f"{names} apart: choose among options that begin differently, or bind the "
            "role to vLLM or to weights"
        )
    least = min(known)
    chosen = choice([math.log(mass[name]) if mass[name] else least for name in names])
    return replace(chosen, log_mass=min(math.log(mass_total), 0.0))


def _begins(text: str, option: Sequence[str], listed: Sequence[str]) -> bool:
    """Whether ``text`` is or begins a spelling of ``option`` that is not ``listed`` itself.

    Marks of bold text begin every option, so they tell nothing.
    """
    plain = {spelling.lstrip() for spelling in option}
    spellings = {option[0], *(spelling for spelling in plain if not spelling.startswith("*"))}
    return any(
        spelling.startswith(text) and (spelling == text or spelling not in listed)
        for spelling in spellings
    )


def without_logprobs(server: str, message: str = "") -> EngineError:
    """The error for a server that gives no log-probs. ``message``: the server's own message."""
    why = f" ({message})" if message else ""
    return EngineError(
        f"{server} gives no log-probs{why}, and choosing needs them: bind the role to weights "
        "(engine transformers or vllm) or to a server that gives top_logprobs"
    )
