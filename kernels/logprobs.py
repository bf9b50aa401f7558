"""Log-probs of chosen tokens straight from hidden states: the language-model head and the softmax
are taken over blocks, so `[tokens, vocabulary]` never exists.

On a GPU the matrix product runs inside a Triton kernel and no logit is ever written to its memory
(`kernels.fused`); elsewhere, and without Triton, blocks that stay in a processor's cache
are folded one after another (`kernels.blocks`). Tests hold both against float64.
"""

from importlib.util import find_spec

import torch

from kernels import blocks
from kernels.head import Head

__all__ = ["IGNORED", "Head", "selected_logprobs"]

IGNORED = -100
"""The id of a token that is not wanted: its row is skipped, and its log-prob is 0."""


@torch.no_grad()
def selected_logprobs(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> torch.Tensor:
    """``log softmax(logits)[ids]``: Float32[tokens], natural log, at most 0; −inf only where a
    logit is; nan where all are.

    Products accumulate in float32 whatever the inputs are, and those of float32 are float32's own
    (no tf32). No gradient flows.

    Args:
        hidden: Float[tokens, hidden], bfloat16, float16 or float32.
        ids: Int[tokens] in [0, vocabulary), or `IGNORED`.
    """
    (kept,) = torch.nonzero(ids != IGNORED, as_tuple=True)
    if len(kept) == len(ids):
        return _fold(hidden, head, ids)
    found = _fold(hidden[kept], head, ids[kept])
    return found.new_zeros(len(ids)).index_copy_(0, kept, found)


def _fold(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> torch.Tensor:
    same_type = hidden.dtype == head.weight.dtype
    if hidden.is_cuda and same_type and find_spec("triton") is not None:
        from kernels import fused

        return fused.fold(hidden, head, ids)
    return blocks.fold(hidden, head, ids)
