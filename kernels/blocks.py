"""Log-probs of tokens in plain torch, by blocks of logits that fit a CPU's cache (the online
softmax of Milakov and Gimelshein 2018, arXiv:1805.02867)."""

from dataclasses import replace
from math import ceil

import torch
from torch.nn.functional import pad

from kernels.head import Head

_TOKENS = 1024
_MULTIPLE = 16
"""Tokens are padded to a multiple of this: a product of few rows adds up in another order."""
_CPU_BYTES = 4 << 20
"""The size of one block's logits. Measured on one core, 2,048 tokens x 512 x 32,000 words, float32:
0.42 s with blocks of 2 to 8 MiB, 0.53 s with 33 MiB, 0.72 s with 262 MiB. The matrix product alone
takes 0.50 s, as its logits do not fit the cache."""
_GPU_BYTES = 64 << 20


def fold(
    hidden: torch.Tensor, head: Head, ids: torch.Tensor, *, block_bytes: int | None = None
) -> torch.Tensor:
    """As `kernels.logprobs.selected_logprobs`, for all tokens.

    Logits take at most ``block_bytes`` at a time (and a float32 copy of the block's weights, if
    they are 16-bit on a CPU). On a CPU, a token's result does not depend on other tokens, to the
    last bit: the width of blocks does not depend on the number of tokens, and no block has few
    rows.
    """
    count, rows = len(hidden), _TOKENS
    block_bytes = block_bytes or (_GPU_BYTES if hidden.is_cuda else _CPU_BYTES)
    most = max(1, block_bytes // (4 * rows))
    words = ceil(head.vocabulary / ceil(head.vocabulary / most))
    more = -count % _MULTIPLE
    hidden, ids = pad(hidden, (0, 0, 0, more)), pad(ids, (0, more))
    space = None
    if not hidden.is_cuda:
        hidden, space = hidden.float(), torch.empty(rows * words)
    # Each block of words is read once for all tokens, so it is converted to float32 once.
    parts = [
        _Running(hidden[first : first + rows], ids[first : first + rows])
        for first in range(0, len(hidden), rows)
    ]
    for start in range(0, head.vocabulary, words):
        block = head.words(start, min(start + words, head.vocabulary))
        if not hidden.is_cuda:
            block = replace(block, weight=block.weight.float())
        for part in parts:
            part.add(block, start, space)
    none = torch.empty(0, dtype=torch.float32, device=hidden.device)
    return torch.cat([none, *(part.done() for part in parts)])[:count]


class _Running:
    """The running softmax of some tokens over the words so far. ``most``: the largest logit;
    ``total``: Σ e^(z − most); ``chosen``: the logit of the target word."""

    def __init__(self, hidden: torch.Tensor, ids: torch.Tensor) -> None:
        self.hidden, self.ids = hidden, ids
        self.most = torch.full_like(hidden[:, 0], -torch.inf, dtype=torch.float32)
        self.total = torch.zeros_like(self.most)
        self.chosen = torch.zeros_like(self.most)

    def add(self, head: Head, start: int, space: torch.Tensor | None) -> None:
        """Add the words of ``head``. The first one has number ``start``."""
        words, rows = head.vocabulary, len(self.hidden)
        out = None if space is None else space[: rows * words].view(rows, words)
        logits = head.logits(self.hidden, out=out)
        inside = (self.ids >= start) & (self.ids < start + words)
        column = (self.ids - start).clamp(0, words - 1)
        self.chosen = torch.where(inside, logits.gather(1, column[:, None])[:, 0], self.chosen)
        most = torch.maximum(self.most, logits.amax(dim=1))
        # Where every logit so far is −inf, any finite shift gives e^(−inf) = 0 and no nan.
        shift = torch.where(most == -torch.inf, 0.0, most)
        logits -= shift[:, None]
        self.total = self.total * torch.exp(self.most - shift) + logits.exp_().sum(dim=1)
        self.most = most

    def done(self) -> torch.Tensor:
        """The log-probs, after all words were added."""
        # Not chosen − (most + log total): the difference of two large, nearly equal numbers would
        # be mostly rounding error.
        return (self.chosen - self.most - self.total.log()).clamp(max=0.0)
