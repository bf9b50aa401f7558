"""The loss of `trainers.ConsistentViews`, of two views of pairs. Imported only when something is
trained."""

import torch
import torch.nn.functional as F


def judged(letters: torch.Tensor) -> torch.Tensor:
    """How much the judge prefers the first side of each pair, over both orders: the logit of the
    mean of the two probabilities, Float[pairs].

    Args:
        letters: Float[pairs, 2, 2], the logits of A and B, where the first side is shown first and
            where it is shown second.
    """
    first, second = letters[:, 0, 0] - letters[:, 0, 1], letters[:, 1, 1] - letters[:, 1, 0]
    # q = (σ(a) + σ(b))/2 and 1 − q = (σ(−a) + σ(−b))/2; the halves cancel out.
    for_first = torch.logaddexp(F.logsigmoid(first), F.logsigmoid(second))
    return for_first - torch.logaddexp(F.logsigmoid(-first), F.logsigmoid(-second))


def inconsistency(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(H(p, q) + H(q, p))/2 of two preferences with these logits, Float[pairs]; H is the cross
    entropy. It is 0 where both are sure of one side."""
    entropies = F.binary_cross_entropy_with_logits(
        torch.stack([one, other]), torch.stack([other, one]).sigmoid(), reduction="none"
    )
    return entropies.mean(dim=0)


def agreeing(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Whether both prefer the same side, Bool[pairs]. A view without a preference agrees with
    none."""
    return one.detach() * other.detach() > 0
