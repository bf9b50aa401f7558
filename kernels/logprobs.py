"""Log-probs of chosen tokens straight from hidden states: the language-model head and the softmax
are taken over blocks, so `[tokens, vocabulary]` never exists.

On a GPU the matrix product runs inside a Triton kernel and no logit is ever written to its memory
(`kernels.fused`); elsewhere, and without Triton, blocks that stay in a processor's cache
are folded one after another (`kernels.blocks`). Both are held against `kernels.reference`.
"""

from dataclasses import dataclass
from importlib.util import find_spec

import torch

from kernels import blocks
from kernels.head import Head

__all__ = [
    "IGNORED",
    "Head",
    "Statistics",
    "density_ratios",
    "selected_logprobs",
    "token_statistics",
]

IGNORED = -100
"""The id of a token that nobody asks for: its row is skipped, and all its values are 0."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of each token, in natural-log units; what was not asked for is None.

    ``logprobs``: Float32[tokens], at most 0, −inf only where a logit is; nan where all are.
    ``lse``: Float32[tokens], the log of the sum of exponentials of the logits. ``entropy``:
    Float32[tokens], of the whole distribution. ``top1``: Bool[tokens], whether the token is the
    likeliest one (the first of those that are equally likely).
    """

    logprobs: torch.Tensor
    lse: torch.Tensor
    entropy: torch.Tensor | None = None
    top1: torch.Tensor | None = None


def token_statistics(
    hidden: torch.Tensor,
    head: Head,
    ids: torch.Tensor,
    *,
    entropy: bool = False,
    top1: bool = False,
) -> Statistics:
    """What ``head`` says of ``ids`` given ``hidden``.

    hidden: Float[tokens, hidden], bfloat16, float16 or float32; ids: Int[tokens] in
    [0, vocabulary), or `IGNORED`. Products accumulate in float32 whatever the inputs are, and those
    of float32 are float32's own (no tf32). No gradient flows.
    """
    (found,) = _of_each([(hidden, head)], ids, entropy=entropy, top1=top1)
    return found


def selected_logprobs(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> torch.Tensor:
    """``log softmax(logits)[ids]``: Float32[tokens]; arguments as of `token_statistics`."""
    return token_statistics(hidden, head, ids).logprobs


def density_ratios(
    above: tuple[torch.Tensor, Head], below: tuple[torch.Tensor, Head], ids: torch.Tensor
) -> torch.Tensor:
    """How much likelier one model finds each token than another, log p − log q: Float32[tokens].

    Each model brings its hidden states and its head; they share ids and vocabulary, not width. On
    a GPU both are read in one launch. Raises ValueError where the vocabularies differ in size.
    """
    words, others = above[1].vocabulary, below[1].vocabulary
    if words != others:
        raise ValueError(
            f"one model has {words} words and the other {others}: a density ratio needs one "
            "vocabulary"
        )
    first, second = _of_each([above, below], ids, entropy=False, top1=False)
    return first.logprobs - second.logprobs


@torch.no_grad()
def _of_each(
    models: list[tuple[torch.Tensor, Head]], ids: torch.Tensor, *, entropy: bool, top1: bool
) -> list[Statistics]:
    (kept,) = torch.nonzero(ids != IGNORED, as_tuple=True)
    asked = models, ids
    if skipped := len(kept) < len(ids):
        asked = [(hidden[kept], head) for hidden, head in models], ids[kept]
    fold = _fused if _fusable(models) else _blocked
    found = fold(*asked, entropy=entropy, top1=top1)
    return [_scattered(one, kept, len(ids)) for one in found] if skipped else found


def _fusable(models: list[tuple[torch.Tensor, Head]]) -> bool:
    return find_spec("triton") is not None and all(
        hidden.is_cuda and hidden.dtype == head.weight.dtype for hidden, head in models
    )


def _fused(
    models: list[tuple[torch.Tensor, Head]], ids: torch.Tensor, *, entropy: bool, top1: bool
) -> list[Statistics]:
    from kernels.fused import fold

    return [Statistics(*one) for one in fold(models, ids, entropy=entropy, top1=top1)]


def _blocked(
    models: list[tuple[torch.Tensor, Head]], ids: torch.Tensor, *, entropy: bool, top1: bool
) -> list[Statistics]:
    return [
        Statistics(*blocks.fold(hidden, head, ids, entropy=entropy, top1=top1))
        for hidden, head in models
    ]


def _scattered(found: Statistics, kept: torch.Tensor, tokens: int) -> Statistics:
    """``found`` of the tokens ``kept``, with zeros between."""

    def spread(values: torch.Tensor) -> torch.Tensor:
        return values.new_zeros(tokens).index_copy_(0, kept, values)

    return Statistics(
        spread(found.logprobs),
        spread(found.lse),
        None if found.entropy is None else spread(found.entropy),
        None if found.top1 is None else spread(found.top1),
    )
