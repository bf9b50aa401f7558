"""The kernels' answers in float64 and the plainest way: what tests and benchmarks hold them to."""

import torch

from kernels.head import Head
from kernels.logprobs import IGNORED, Statistics


def token_statistics(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> Statistics:
    """All of `kernels.logprobs.token_statistics`, in float64, from all logits at once."""
    logits = hidden.double() @ head.weight.double().T
    if head.bias is not None:
        logits = logits + head.bias.double()
    logits = logits * head.scale
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    logits = logits / head.temperature
    lse = logits.logsumexp(dim=1)
    wanted = ids != IGNORED
    chosen = logits.gather(1, ids.clamp(min=0)[:, None])[:, 0]
    likely = logits - lse[:, None]
    entropy = -torch.where(likely.exp() > 0, likely.exp() * likely, 0.0).sum(dim=1)
    return Statistics(
        torch.where(wanted, chosen - lse, 0.0),
        torch.where(wanted, lse, 0.0),
        torch.where(wanted, entropy, 0.0),
        wanted & (logits.argmax(dim=1) == ids),
    )


def density_ratios(
    above: tuple[torch.Tensor, Head], below: tuple[torch.Tensor, Head], ids: torch.Tensor
) -> torch.Tensor:
    """`kernels.logprobs.density_ratios` in float64."""
    return token_statistics(*above, ids).logprobs - token_statistics(*below, ids).logprobs


def segment_sums(values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """`kernels.segments.segment_sums` in float64, one segment after another."""
    found, at = [], 0
    for length in lengths.tolist():
        found.append(values[at : at + length].double().sum())
        at += length
    return torch.stack(found) if found else values.double()[:0]
