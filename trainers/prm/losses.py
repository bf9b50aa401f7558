"""What the steps of a solution cost: the losses that `trainers.PRM` lowers, as plain functions of
rewards. Imported only when something is trained.

``rewards`` is what the head says at the end of each step, Float[solutions, steps], in logits but
for `squared`; ``targets`` what it should say; ``known`` which steps count, Bool[solutions, steps].
Steps without a label, and padding, are not known, and cost nothing whatever their target is.
"""

import torch
import torch.nn.functional as F

NEVER = -1e30
"""A logit that adds nothing to a sum of exponentials. Not minus infinity: a sum of nothing but
those has no gradient."""


def cross_entropy(
    rewards: torch.Tensor, targets: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    """The mean over known steps of −p·log σ(r) − (1−p)·log(1 − σ(r)), with p ∈ [0, 1] the
    target: 0 or 1, or a share of rollouts that ended right."""
    return F.binary_cross_entropy_with_logits(rewards[known], targets[known])


def squared(rewards: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The mean over known steps of (r − v)², with v the target."""
    return F.mse_loss(rewards[known], targets[known])


def ranked(
    rewards: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, zeta: float
) -> torch.Tensor:
    """PQM's comparison of the steps of one solution (Li & Li 2024, arXiv:2410.11287, eq. 10), the
    mean over solutions of

        −mean_t log [ exp Q_ct / (Σ_{q ≤ t} exp Q_cq + Σ_{w ∈ W} exp(Q_w + ζ)) ]

    with c_1, c_2, … its right steps in order, W its wrong ones and c_0 the prompt, whose Q is 0:
    each right step is above the prompt and those before it, and all are above the wrong ones by
    ``zeta``. A target above one half is a right step. The prompt's own term is 0 without a wrong
    step, and is then not among those averaged (as in the public code, which counts exp Q_ct twice
    from the second step on; here it counts once, as in the paper).
    """
    right, wrong = known & (targets > 0.5), known & (targets <= 0.5)
    below = torch.where(wrong, rewards + zeta, NEVER).logsumexp(dim=1, keepdim=True)
    start = rewards.new_zeros(len(rewards), 1)
    ordered = torch.cat([start, torch.where(right, rewards, NEVER)], dim=1)
    counted = torch.cat([wrong.any(dim=1, keepdim=True), right], dim=1)
    costs = torch.logaddexp(ordered.logcumsumexp(dim=1), below) - ordered
    costs = torch.where(counted, costs, 0.0)
    return (costs.sum(dim=1) / counted.sum(dim=1).clamp(min=1)).mean()
