"""A step of training that is computed where a reward tells responses of another policy apart.

Imported only when something is trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def difference(rewards: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """How far a reward tells the responses to each prompt apart: 2/k² · Σ_{i<j} σ(|r_i − r_j|), for
    the k responses to a prompt; the mean over the prompts (Wang et al. 2024, arXiv:2401.06080,
    section 3.2; Dou et al. 2024, MetaRM, arXiv:2405.00438).

    Args:
        rewards: Float[responses].
        groups: Int[responses], the number of each one's prompt.
    """
    means = []
    for group in dict.fromkeys(groups.tolist()):
        of_prompt = rewards[groups == group]
        k = len(of_prompt)
        one, other = torch.triu_indices(k, k, offset=1, device=rewards.device)
        differences = (of_prompt[one] - of_prompt[other]).abs()
        means.append(torch.sigmoid(differences).sum() * 2 / k**2)
    return torch.stack(means).mean()


@contextmanager
def ahead(model: Any, objective: torch.Tensor, rate: float) -> Iterator[None]:
    """While it lasts, the weights of ``model`` are a step of gradient ascent on ``objective``
    further: θ + rate · ∂objective/∂θ. Gradients that are computed meanwhile stay."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    before = [weight.detach().clone() for weight in weights]
    gradients = torch.autograd.grad(objective, weights, allow_unused=True)
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                weight.add_(gradient, alpha=rate)
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, earlier in zip(weights, before, strict=True):
                weight.copy_(earlier)
