"""What a ranked list costs: the loss that `trainers.TPO` lowers, as plain functions. Imported only
when something is trained."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F

Pairs = Literal["lambda", "equal"]
"""How much each pair of a list counts."""


def ranked_list(
    ratios: torch.Tensor,
    rewards: torch.Tensor,
    weights: torch.Tensor,
    *,
    beta: float,
    pairs: Pairs,
) -> torch.Tensor:
    """The mean over the pairs (i, j) of which i has the higher reward of −λ_ij·log σ(h_ij), with
    h_ij = β·Σ_t w_ijt·(ratio_it − ratio_jt).

    ratios: Float[answers, steps], log π/π₀ summed over the tokens of each step, 0 where an answer
    has no such step; rewards: Float[answers]; weights: Float[answers, answers, steps]. λ is 1, or
    by ``pairs`` "lambda" what the gain in DCG would be of putting the two the right way round,
    `lambdas` of how the policy ranks them now.
    """
    margins = beta * ((ratios[:, None] - ratios[None, :]) * weights).sum(dim=-1)
    better = rewards[:, None] > rewards[None, :]
    costs = -F.logsigmoid(margins[better])
    if pairs == "lambda":
        costs = costs * lambdas(rewards, ratios.detach().sum(dim=-1))[better]
    return costs.mean()


def lambdas(rewards: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Float[answers, answers]: |2^v_i − 2^v_j|·|1/log2(1 + τ_i) − 1/log2(1 + τ_j)| with v the
    rewards and τ the places by ``scores``, 1 the highest; of equals the first comes first.

    Source: LiPO, Liu et al. 2024 (arXiv:2402.01878), after LambdaRank.
    """
    gains = 2.0**rewards
    order = torch.argsort(scores, descending=True, stable=True)
    places = torch.empty_like(scores).scatter(
        0, order, torch.arange(1, len(scores) + 1, dtype=scores.dtype, device=scores.device)
    )
    discounts = 1 / torch.log2(1 + places)
    return (gains[:, None] - gains).abs() * (discounts[:, None] - discounts).abs()


def step_weights(states: Sequence[torch.Tensor]) -> torch.Tensor:
    """Float[answers, answers, steps]: how much step t counts where two answers are compared, from
    ``states``, of each answer the mean hidden state of each step, Float[steps, hidden].

    1 − cos of the two answers' t-th steps, 1 where only one of them has a t-th, and then as large
    that the mean over the steps that either has is 1: steps that say the same count for little, and
    those that they share for nothing. 0 beyond both answers, and 1 where all steps are the same.
    """
    count, longest = len(states), max(len(steps) for steps in states)
    weights = torch.zeros(count, count, longest)
    for i, one in enumerate(states):
        for j, other in enumerate(states):
            both, either = min(len(one), len(other)), max(len(one), len(other))
            apart = torch.ones(either)
            alike = F.cosine_similarity(one[:both].float(), other[:both].float(), dim=-1)
            apart[:both] = (1 - alike).clamp(min=0.0).cpu()
            total = apart.sum()
            weights[i, j, :either] = apart * either / total if total > 1e-6 else 1.0
    return weights
