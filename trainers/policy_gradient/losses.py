"""The losses of `trainers.PolicyGradient`, as functions of log-ratios. Imported only when something
is trained."""

from typing import Literal

import torch

Loss = Literal["grpo", "bnpo", "rloo"]
"""What has a ratio and how costs are averaged, by the names of TRL: see `policy_loss`."""


def policy_loss(
    log_ratios: torch.Tensor,
    from_reference: torch.Tensor,
    advantages: torch.Tensor,
    answer: torch.Tensor,
    *,
    loss: Loss,
    clip: float,
    beta: float,
) -> torch.Tensor:
    """The loss of a batch, a scalar.

    Args:
        log_ratios: log π/π₀ of each token, 0 outside of answers, Float[answers, tokens]. π₀ is the
            policy that sampled.
        from_reference: log π/π_ref, of the same shape; ``log_ratios`` if the reference is π₀.
        advantages: of each token, Float[answers, tokens].
        answer: 1 for tokens of answers, 0 for others, Float[answers, tokens].
        loss: "grpo" has a ratio for each token and is the mean over answers of the mean over
            their tokens. "bnpo" is the mean over all tokens. "rloo" has one ratio for each
            answer, which then has one advantage, and is the mean over answers.
        clip: ratios further from 1 have no gradient where it would take them further.
        beta: the weight of `divergence`.
    """
    lengths = answer.sum(dim=1)
    divergences = divergence(log_ratios, from_reference) * answer
    if loss == "rloo":
        costs = surrogate(log_ratios.sum(dim=1), mean_of_answers(advantages, answer), clip)
        return (costs + beta * divergences.sum(dim=1)).mean()
    costs = surrogate(log_ratios, advantages, clip) * answer + beta * divergences
    if loss == "bnpo":
        return costs.sum() / lengths.sum()
    return (costs.sum(dim=1) / lengths).mean()


def mean_of_answers(values: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
    """The mean of ``values`` over the tokens of each answer, Float[answers]."""
    return (values * answer).sum(dim=1) / answer.sum(dim=1)


def surrogate(log_ratios: torch.Tensor, advantages: torch.Tensor, clip: float) -> torch.Tensor:
    """−min(ρ·A, clip(ρ, 1 − clip, 1 + clip)·A) with ρ = exp(``log_ratios``), of the same shape.

    Source: Schulman et al. 2017, PPO (arXiv:1707.06347), equation 7.
    """
    ratios = log_ratios.exp()
    bounded = ratios.clamp(1 - clip, 1 + clip)
    return -torch.minimum(ratios * advantages, bounded * advantages)


def clipped(log_ratios: torch.Tensor, advantages: torch.Tensor, clip: float) -> torch.Tensor:
    """Where `surrogate` has no gradient, Bool."""
    ratios = log_ratios.exp()
    above, below = ratios > 1 + clip, ratios < 1 - clip
    return (above & (advantages > 0)) | (below & (advantages < 0))


def divergence(log_ratios: torch.Tensor, from_reference: torch.Tensor) -> torch.Tensor:
    """The estimate ρ·(1/q − 1 − log 1/q) of the KL divergence of π from π_ref, in nats, at least 0,
    with ρ = π/π₀ = exp(``log_ratios``) and q = π/π_ref = exp(``from_reference``).

    Source: Schulman 2020, Approximating KL Divergence, the estimator k3, for samples of π. Samples
    of π₀ have the weight ρ (DeepSeek-AI 2025, DeepSeek-V3.2, arXiv:2512.02556).
    """
    return log_ratios.exp() * (torch.expm1(-from_reference) + from_reference)
