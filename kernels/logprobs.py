"""Log-probs of given tokens from hidden states. Head and softmax are computed by blocks, so
`[tokens, vocabulary]` is never stored.

On a GPU, in 16 bits, the matrix product runs inside a Triton kernel, and logits are not written to
memory (`kernels.fused`). On a CPU, in float32, or without Triton, blocks that fit a CPU's cache are
computed one after another (`kernels.blocks`). Tests compare both with float64.
"""

from importlib.util import find_spec

import torch

from kernels import blocks
from kernels.head import Head

__all__ = ["IGNORED", "Head", "selected_logprobs"]

IGNORED = -100
"""The id of a token to skip. Its log-prob is 0."""


@torch.no_grad()
def selected_logprobs(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> torch.Tensor:
    """``log softmax(logits)[ids]``, without gradient.

    Products accumulate in float32 for all input types. Float32 inputs do not use tf32.

    Args:
        hidden: Float[tokens, hidden], bfloat16, float16 or float32.
        head: the language-model head.
        ids: Int[tokens] in [0, vocabulary), or `IGNORED`.

    Returns:
        Float32[tokens], natural log, at most 0. It is −inf only if the logit is, and nan if all
        logits are.
    """
    (kept,) = torch.nonzero(ids != IGNORED, as_tuple=True)
    if len(kept) == len(ids):
        return _fold(hidden, head, ids)
    logprobs = _fold(hidden[kept], head, ids[kept])
    return logprobs.new_zeros(len(ids)).index_copy_(0, kept, logprobs)


def _fold(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> torch.Tensor:
    sixteen_bit = hidden.dtype == head.weight.dtype != torch.float32
    if hidden.is_cuda and sixteen_bit and find_spec("triton") is not None:
        from kernels import fused

        return fused.fold(hidden, head, ids)
    return blocks.fold(hidden, head, ids)
