"""The weight of each token of a pair in the loss: given with the pair, or by where its sides
differ.

A weight belongs to one token of a side's answer under the policy's tokenizer; the last weight
belongs to the token that ends the turn, if the side has one. Weights of 1 are plain DPO. The
weights of a shared beginning do not matter: its log-ratio is the same on both sides.
"""

import math
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from engines.protocol import RowError

Weights = tuple[list[float], list[float]]
"""The weights of the chosen side and of the rejected side."""


def stated(
    weights: Mapping[str, Sequence[float]],
    chosen: Sequence[int],
    rejected: Sequence[int],
    *,
    shared: int = 0,
) -> Weights:
    """The pair's ``token_weights``, checked against the token ids of its sides (end tokens
    included), without those of the first ``shared`` tokens.

    Raises:
        RowError: a side has more or fewer weights than tokens, or a negative or infinite
            weight, or no remaining weight above 0.
    """
    sides = {"chosen": chosen, "rejected": rejected}
    for side, ids in sides.items():
        side_weights = weights[side]
        if len(side_weights) != len(ids):
            raise RowError(
                f"token_weights: {side} has {len(ids)} tokens under the policy's tokenizer, the "
                f"end of the turn among them, but {len(side_weights)} weights"
            )
        if not all(weight >= 0 and math.isfinite(weight) for weight in side_weights):
            raise RowError(f"token_weights: a weight of {side} is negative or not finite")
        if not any(side_weights[shared:]):
            raise RowError(f"token_weights: no token of {side} has a weight above 0")
    return list(weights["chosen"][shared:]), list(weights["rejected"][shared:])


def focused(chosen: Sequence[int], rejected: Sequence[int], focus: float) -> Weights:
    """``focus`` for each token that the other side does not have, 1 for the others.

    Tokens are matched in order, the longest run first (Ratcliff and Obershelp, as in `difflib`).
    """
    weights = [focus] * len(chosen), [focus] * len(rejected)
    # autojunk would ignore tokens that are frequent in a long text.
    for a, b, size in SequenceMatcher(None, chosen, rejected, autojunk=False).get_matching_blocks():
        weights[0][a : a + size] = [1.0] * size
        weights[1][b : b + size] = [1.0] * size
    return weights
