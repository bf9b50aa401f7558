"""The probabilities of a few answers, from the likeliest first tokens that a server lists."""

import math
from collections.abc import Sequence

from engines.choice_logprobs import normalised
from engines.openai.responses import ChatChoice
from engines.protocol import EngineError, RowError

_UNCLEAR = 0.01
"""Share of the probability found that may belong to either of two options and is left out."""


def listed_choice(first: ChatChoice, options: Sequence[str], *, server: str) -> list[float]:
    """``first``: one token, with the likeliest in its place.

    A token counts for the option that it is, or begins, whatever blank space precedes it. An
    option that no listed token begins gets the log-prob of the least likely one listed, the most
    that it can have. Raises `RowError` where the server lists none, or one that begins an option
    without its log-prob; where none begins any option; where more than `_UNCLEAR` of what is found
    may begin two of them, as "Response" does "Response A" and "Response B", or "1" does "10" where
    that is not a token.
    """
    listed = (first.tokens[0].top_logprobs if first.tokens else None) or []
    texts = [token.token.lstrip() for token in listed]
    mass = dict.fromkeys(options, 0.0)
    unclear = 0.0
    known: list[float] = []
    for token, text in zip(listed, texts, strict=True):
        begun = [
            option
            for option in options
            if text and option.startswith(text) and (option == text or option not in texts)
        ]
        if token.logprob is None or not token.known:
            if begun:
                raise RowError(f"{server} gives no log-prob of {token.token!r} for this prompt")
            continue
        known.append(token.logprob)
        if len(begun) == 1:
            mass[begun[0]] += math.exp(token.logprob)
        elif begun:
            unclear += math.exp(token.logprob)
    if not known:
        raise RowError(f"{server} gives no log-probs for this prompt, and choosing needs them")
    found = math.fsum(mass.values()) + unclear
    likeliest = ", ".join(repr(token.token) for token in listed[:5])
    if not found:
        raise RowError(f"{server} would write none of {list(options)}; likeliest are {likeliest}")
    if unclear > _UNCLEAR * found:
        raise RowError(
            f"the first token that {server} would write ({likeliest}) does not tell "
            f"{list(options)} apart: choose among options that begin differently, or bind the "
            "role to vLLM or to weights"
        )
    least = min(known)
    return normalised([math.log(mass[option]) if mass[option] else least for option in options])


def without_logprobs(server: str, said: str = "") -> EngineError:
    """What the user is told where a server cannot say how likely its words were; ``said``: its own
    words for it."""
    why = f" ({said})" if said else ""
    return EngineError(
        f"{server} gives no log-probs{why}, and choosing needs them: bind the role to weights "
        "(engine transformers or vllm) or to a server that gives top_logprobs"
    )
