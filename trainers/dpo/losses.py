"""What a pair costs: the losses that `trainers.DPO` and `trainers.RewardModel` lower, as plain
functions of rewards. Imported only when something is trained."""

from typing import Literal

import torch
import torch.nn.functional as F

Anchor = Literal["always", "falling"]
"""For which pairs the likelihood of the chosen side is kept up: all, or those where it is below
what the reference gives it."""


def mixture(margin: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """C·L(w, l) + (1−C)·L(l, w) of each pair; both Float[pairs], ``margin`` = r(w) − r(l).

    Less a pair's own target m, ``margin`` = r(w) − r(l) − m, it is lowest where r(w) − r(l) is
    m + log(C / (1−C)).
    """
    return -weight * F.logsigmoid(margin) - (1 - weight) * F.logsigmoid(-margin)


def anchored(
    log_probs: torch.Tensor,
    ratios: torch.Tensor,
    lengths: torch.Tensor,
    weight: torch.Tensor,
    anchor: Anchor,
) -> torch.Tensor:
    """The negative log-likelihood of each chosen answer, in nats a token, times the pair's weight.

    All are Float[pairs]: log π(w), log π(w)/π₀(w), the number of tokens of w, and C. It is 0 where
    ``anchor`` is "falling" and the ratio is not below 0. The weight, because an answer that is
    likely to be the worse one must not be imitated.
    """
    cost = -weight * log_probs / lengths
    return cost if anchor == "always" else torch.where(ratios.detach() < 0, cost, 0.0)
