"""Statistics of tokens in plain torch: blocks of logits that stay in a processor's cache, folded
one after another (the online softmax of Milakov and Gimelshein 2018, arXiv:1805.02867)."""

from dataclasses import replace
from math import ceil

import torch
from torch.nn.functional import pad

from kernels.head import Head

Folded = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | None]
"""Log-probs, log-sum-exps, entropies, top-1 flags, each of shape [tokens]."""

_TOKENS = 1024
_MULTIPLE = 16
"""Tokens are filled up to a multiple of this: a product of few rows is added up in another order.
"""
_CPU_BYTES = 4 << 20
"""Of one block's logits. Measured on one core, 2,048 tokens x 512 x 32,000 words, float32: 0.42 s
with blocks of 2 to 8 MiB, 0.53 of 33, 0.72 of 262. The bare product, whose logits go to memory,
takes 0.50."""
_GPU_BYTES = 64 << 20


def fold(
    hidden: torch.Tensor,
    head: Head,
    ids: torch.Tensor,
    *,
    entropy: bool = False,
    top1: bool = False,
    block_bytes: int | None = None,
) -> Folded:
    """As `kernels.logprobs.token_statistics`, every token wanted.

    At most ``block_bytes`` of logits are alive at a time (and a float32 copy of the block's
    weights, where they are 16-bit on a CPU). On a CPU what is found of a token depends on no other
    one, to the last bit: blocks are as wide however many tokens there are, and never of few rows.
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
    # Each block of words is read once for all tokens: a 16-bit one is made float32 once.
    parts = [
        _Running(
            hidden[first : first + rows], ids[first : first + rows], entropy=entropy, top1=top1
        )
        for first in range(0, len(hidden), rows)
    ]
    for start in range(0, head.vocabulary, words):
        block = head.words(start, min(start + words, head.vocabulary))
        if not hidden.is_cuda:
            block = replace(block, weight=block.weight.float())
        for part in parts:
            part.add(block, start, space)
    done = [part.done() for part in parts]
    return _joined(done, hidden, count, entropy=entropy, top1=top1)


class _Running:
    """What is known of some tokens from the words so far.

    ``most``: the largest logit; ``total``: Σ e^(z − most); ``spread``: Σ e^(z − most) (z − most),
    from which the entropy is log total − spread / total; ``best``: the first word of that logit.
    """

    def __init__(
        self, hidden: torch.Tensor, ids: torch.Tensor, *, entropy: bool, top1: bool
    ) -> None:
        self.hidden, self.ids = hidden, ids
        self.most = torch.full_like(hidden[:, 0], -torch.inf, dtype=torch.float32)
        self.total = torch.zeros_like(self.most)
        self.chosen = torch.zeros_like(self.most)
        self.spread = torch.zeros_like(self.most) if entropy else None
        self.best = torch.zeros_like(ids) if top1 else None

    def add(self, head: Head, start: int, space: torch.Tensor | None) -> None:
        """The words of ``head``, the first of which is number ``start``."""
        words, rows = head.vocabulary, len(self.hidden)
        out = None if space is None else space[: rows * words].view(rows, words)
        logits = head.logits(self.hidden, out=out)
        inside = (self.ids >= start) & (self.ids < start + words)
        column = (self.ids - start).clamp(0, words - 1)
        self.chosen = torch.where(inside, logits.gather(1, column[:, None])[:, 0], self.chosen)
        if self.best is None:
            here = logits.amax(dim=1)
        else:
            here, word = logits.max(dim=1)
            self.best = torch.where(here > self.most, word + start, self.best)
        most = torch.maximum(self.most, here)
        # Where every logit so far is −inf, any finite shift gives e^(−inf) = 0 and no nan.
        shift = torch.where(most == -torch.inf, 0.0, most)
        moved = self.most - shift
        kept = torch.exp(moved)
        logits -= shift[:, None]
        if self.spread is not None:
            before = torch.where(self.total > 0, self.spread + self.total * moved, 0.0)
            # e^z · z is 0 where z is −inf, which the product would make nan.
            finite = logits.clamp(min=torch.finfo(torch.float32).min)
            powers = torch.exp(logits)
            self.spread = before * kept + (powers * finite).sum(dim=1)
            self.total = self.total * kept + powers.sum(dim=1)
        else:
            self.total = self.total * kept + logits.exp_().sum(dim=1)
        self.most = most

    def done(self) -> Folded:
        """The statistics, once every word was added."""
        sizes = self.total.log()
        lse = self.most + sizes
        entropy = None if self.spread is None else (sizes - self.spread / self.total).clamp(min=0.0)
        top1 = None if self.best is None else self.best == self.ids
        # Not chosen − lse: of two large numbers that are nearly equal, little but rounding is left.
        return (self.chosen - self.most - sizes).clamp(max=0.0), lse, entropy, top1


def _joined(
    found: list[Folded], like: torch.Tensor, count: int, *, entropy: bool, top1: bool
) -> Folded:
    """The first ``count`` tokens of all."""
    none = torch.empty(0, dtype=torch.float32, device=like.device)
    if not found:
        return none, none, none if entropy else None, none.bool() if top1 else None
    logprobs, lse, entropies, flags = zip(*found, strict=True)
    return (
        torch.cat(logprobs)[:count],
        torch.cat(lse)[:count],
        torch.cat(entropies)[:count] if entropy else None,
        torch.cat(flags)[:count] if top1 else None,
    )
