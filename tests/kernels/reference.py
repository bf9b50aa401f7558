"""Log-probs in float64 and the plainest way: what tests hold the kernels to."""

import torch

from kernels.head import Head
from kernels.logprobs import IGNORED


def selected_logprobs(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> torch.Tensor:
    """`kernels.logprobs.selected_logprobs` in float64, from all logits at once."""
    logits = hidden.double() @ head.weight.double().T
    if head.bias is not None:
        logits = logits + head.bias.double()
    logits = logits * head.scale
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    logits = logits / head.temperature
    chosen = logits.gather(1, ids.clamp(min=0)[:, None])[:, 0]
    return torch.where(ids != IGNORED, chosen - logits.logsumexp(dim=1), 0.0)
