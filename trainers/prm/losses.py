"""The losses of steps in `trainers.PRM`, as functions of rewards. Imported only when something is
trained.

``rewards``: the outputs at the end of each step, Float[solutions, steps], in logits except for
`squared`. ``targets``: what they should be. ``known``: which steps count, Bool[solutions, steps].
Steps without a label and padding are not known and add nothing to the loss.
"""

import torch
import torch.nn.functional as F

NEVER = -1e30
"""A logit that adds nothing to a sum of exponentials. Minus infinity would give no gradient if all
are minus infinity."""


def cross_entropy(
    rewards: torch.Tensor, targets: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    """The mean over known steps of −p·log σ(r) − (1−p)·log(1 − σ(r)). The target p ∈ [0, 1] is 0 or
    1, or a share of rollouts that ended right."""
    return F.binary_cross_entropy_with_logits(rewards[known], targets[known])


def squared(rewards: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The mean over known steps of (r − v)², with v the target."""
    return F.mse_loss(rewards[known], targets[known])


def ranked(
    rewards: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, zeta: float
) -> torch.Tensor:
    """The loss of PQM (Li & Li 2024, arXiv:2410.11287, eq. 10), which ranks the steps of a
    solution: the mean over solutions of

        −mean_t log [ exp Q_ct / (Σ_{q ≤ t} exp Q_cq + Σ_{w ∈ W} exp(Q_w + ζ)) ]

    with c_1, c_2, … the right steps in order, W the wrong steps, and c_0 the prompt with Q = 0.
    Each right step is ranked above the prompt and the right steps before it, and all of them above
    the wrong steps by ``zeta``. A step is right if its target is above one half. Without a wrong
    step the term of the prompt is 0 and not averaged, as in the public code. That code counts
    exp Q_ct twice from the second step on; here it counts once, as in the paper.
    """
    right, wrong = known & (targets > 0.5), known & (targets <= 0.5)
    below = torch.where(wrong, rewards + zeta, NEVER).logsumexp(dim=1, keepdim=True)
    start = rewards.new_zeros(len(rewards), 1)
    ordered = torch.cat([start, torch.where(right, rewards, NEVER)], dim=1)
    counted = torch.cat([wrong.any(dim=1, keepdim=True), right], dim=1)
    costs = torch.logaddexp(ordered.logcumsumexp(dim=1), below) - ordered
    costs = torch.where(counted, costs, 0.0)
    return (costs.sum(dim=1) / counted.sum(dim=1).clamp(min=1)).mean()
