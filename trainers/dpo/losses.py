"""The losses of pairs in `trainers.DPO` and `trainers.RewardModel`, as functions of rewards.
Imported only when something is trained."""

from typing import Literal

import torch
import torch.nn.functional as F

Loss = Literal["dpo", "dpo_norm", "simpo"]
"""The reward of a side: its log-ratio to the reference, that per token, or its log-prob per
token."""
Anchor = Literal["always", "falling"]
"""The pairs with a likelihood term: all, or those whose chosen side is less likely than under the
reference."""


def mixture(margin: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The loss C·L(w, l) + (1−C)·L(l, w) of each pair: Float[pairs].

    Args:
        margin: r(w) − r(l), minus the target m of the pair if it has one, Float[pairs].
        weight: C, Float[pairs].

    The minimum is where r(w) − r(l) = m + log(C / (1−C)).
    """
    return -weight * F.logsigmoid(margin) - (1 - weight) * F.logsigmoid(-margin)


def anchored(
    log_probs: torch.Tensor,
    ratios: torch.Tensor,
    lengths: torch.Tensor,
    weight: torch.Tensor,
    anchor: Anchor,
) -> torch.Tensor:
    """The negative log-likelihood of each chosen answer in nats per token, times the weight of the
    pair: Float[pairs].

    Args:
        log_probs: log π(w), Float[pairs].
        ratios: log π(w)/π₀(w), Float[pairs].
        lengths: the number of tokens of w, Float[pairs].
        weight: C, Float[pairs]. An answer that is probably the worse one must not be imitated.
        anchor: with "falling", the loss is 0 for pairs whose ratio is not below 0.
    """
    cost = -weight * log_probs / lengths
    return cost if anchor == "always" else torch.where(ratios.detach() < 0, cost, 0.0)
