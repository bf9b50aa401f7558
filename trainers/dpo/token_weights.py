"""How much each token of a pair counts in the loss: as the pair says, or by where its sides differ.

A weight belongs to one token of a side's answer as the policy's tokenizer splits it, the last one
to the token that ends the turn, where the side has one. 1 everywhere is plain DPO. What both sides
begin with cancels out whatever its weight is: its log-ratio is the same on both.
"""

import math
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from engines.protocol import RowError

Weights = tuple[list[float], list[float]]
"""Of the chosen side's tokens and of the rejected side's."""


def stated(
    weights: Mapping[str, Sequence[float]],
    chosen: Sequence[int],
    rejected: Sequence[int],
    *,
    shared: int = 0,
) -> Weights:
    """The pair's own ``token_weights``, held against the ids of its sides (ends included), without
    those of the first ``shared`` tokens.

    Raises `RowError` if a side has more or fewer weights than tokens, or one that is negative or
    not finite, or has none above 0 among those that are left.
    """
    sides = {"chosen": chosen, "rejected": rejected}
    for side, ids in sides.items():
        given = weights[side]
        if len(given) != len(ids):
            raise RowError(
                f"token_weights: {side} has {len(ids)} tokens under the policy's tokenizer, the "
                f"end of the turn among them, but {len(given)} weights"
            )
        if not all(weight >= 0 and math.isfinite(weight) for weight in given):
            raise RowError(f"token_weights: a weight of {side} is negative or not finite")
        if not any(given[shared:]):
            raise RowError(f"token_weights: no token of {side} has a weight above 0")
    return list(weights["chosen"][shared:]), list(weights["rejected"][shared:])


def focused(chosen: Sequence[int], rejected: Sequence[int], focus: float) -> Weights:
    """``focus`` for each token that the other side does not have, 1 for the others.

    Tokens are matched in order, the longest run first (Ratcliff and Obershelp, as `difflib`).
    """
    weights = [focus] * len(chosen), [focus] * len(rejected)
    # Without autojunk: it takes tokens that are frequent in a long text for noise.
    for a, b, size in SequenceMatcher(None, chosen, rejected, autojunk=False).get_matching_blocks():
        weights[0][a : a + size] = [1.0] * size
        weights[1][b : b + size] = [1.0] * size
    return weights
