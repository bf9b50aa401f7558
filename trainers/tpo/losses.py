"""The loss of a ranked list in `trainers.TPO`, as plain functions. Imported only when something is
trained."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F

Pairs = Literal["lambda", "equal"]
"""How the pairs of a list are weighted."""


def ranked_list(
    ratios: torch.Tensor,
    rewards: torch.Tensor,
    weights: torch.Tensor,
    *,
    beta: float,
    pairs: Pairs,
) -> torch.Tensor:
    """The mean of −λ_ij·log σ(h_ij) over the pairs (i, j) in which i has the higher reward, with
    h_ij = β·Σ_t w_ijt·(ratio_it − ratio_jt).

    Args:
        ratios: log π/π₀ summed over the tokens of each step, 0 for missing steps,
            Float[answers, steps].
        rewards: Float[answers].
        weights: w, Float[answers, answers, steps].
        beta: β.
        pairs: λ is 1 for "equal". For "lambda" it is the gain in DCG of exchanging the two in
            the policy's current ranking (`lambdas`).
    """
    margins = beta * ((ratios[:, None] - ratios[None, :]) * weights).sum(dim=-1)
    better = rewards[:, None] > rewards[None, :]
    costs = -F.logsigmoid(margins[better])
    if pairs == "lambda":
        costs = costs * lambdas(rewards, ratios.detach().sum(dim=-1))[better]
    return costs.mean()


def lambdas(rewards: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """|2^v_i − 2^v_j|·|1/log2(1 + τ_i) − 1/log2(1 + τ_j)|, Float[answers, answers]. v are the
    rewards, τ the places by ``scores``, 1 the highest; the first of equals comes first.

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
    """The weight of step t in the comparison of two answers, Float[answers, answers, steps].

    ``states``: for each answer the mean hidden state of each step, Float[steps, hidden]. The weight
    is 1 − cos of the t-th steps of the two answers, or 1 if only one of them has a t-th step. The
    weights are scaled so that their mean over the steps of either answer is 1. So similar steps
    have a small weight, and shared steps have none. The weight is 0 beyond both answers, and 1 if
    all steps are the same.
    """
    count, longest = len(states), max(len(steps) for steps in states)
    weights = torch.zeros(count, count, longest)
    for i, one in enumerate(states):
        for j, other in enumerate(states):
            both, either = min(len(one), len(other)), max(len(one), len(other))
            distances = torch.ones(either)
            alike = F.cosine_similarity(one[:both].float(), other[:both].float(), dim=-1)
            distances[:both] = (1 - alike).clamp(min=0.0).cpu()
            total = distances.sum()
            weights[i, j, :either] = distances * either / total if total > 1e-6 else 1.0
    return weights
