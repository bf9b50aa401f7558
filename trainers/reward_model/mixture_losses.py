"""The losses of a mixture of rewards. Imported only when something is trained."""

import torch
import torch.nn.functional as F


def routed_losses(
    chosen: torch.Tensor, rejected: torch.Tensor, router: torch.Tensor, confidence: torch.Tensor
) -> torch.Tensor:
    """−C·log p − (1−C)·log(1−p) with p = Σ w_k·σ(Δ_k), Float[pairs].

    Args:
        chosen: rewards of the chosen sides, Float[pairs, rewards]; Δ is these less the others'.
        rejected: those of the rejected sides.
        router: logits of the weights w, Float[pairs, rewards].
        confidence: C, Float[pairs].
    """
    weights, margins = F.log_softmax(router, dim=1), chosen - rejected
    right = (weights + F.logsigmoid(margins)).logsumexp(dim=1)
    wrong = (weights + F.logsigmoid(-margins)).logsumexp(dim=1)
    return -confidence * right - (1 - confidence) * wrong


def mean_entropy(router: torch.Tensor) -> torch.Tensor:
    """The entropy in nats of the mean of the weights whose logits are Float[pairs, rewards]."""
    mean = router.softmax(dim=1).mean(dim=0)
    return -torch.xlogy(mean, mean).sum()


def personal_rewards(
    outputs: torch.Tensor, weights: torch.Tensor, prototypes: torch.Tensor | None
) -> torch.Tensor:
    """The reward of each response for its annotator, Float[responses].

    Args:
        outputs: rewards of the prototypes or, with ``prototypes``, points z, Float[responses, K].
        weights: w(u) of the annotators, Float[responses, K].
        prototypes: points p_k, Float[K, K], or None.
    """
    if prototypes is None:
        return (weights * outputs).sum(dim=1)
    return -(outputs - weights @ prototypes).square().sum(dim=1)
