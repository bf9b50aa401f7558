"""Log-probs of chosen tokens straight from hidden states: the language-model head and the softmax
are taken over blocks, so `[tokens, vocabulary]` never exists."""

import torch

_BLOCK_BYTES = 64 << 20
"""Most bytes of float32 logits held at once. Larger blocks are no faster: 64 MiB is 8,192 rows of
a 2,048-word block, far past where a matrix product saturates either a CPU core or a GPU."""


def selected_logprobs(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    ids: torch.Tensor,
    *,
    bias: torch.Tensor | None = None,
    softcap: float | None = None,
    scale: float = 1.0,
    block_bytes: int = _BLOCK_BYTES,
) -> torch.Tensor:
    """``log softmax(logits)[ids]`` with ``logits = cap(scale · (hidden @ weight.T + bias))``.

    ``cap(x) = softcap · tanh(x / softcap)`` (Gemma 2), or nothing. hidden: Float[tokens, hidden];
    weight: Float[vocabulary, hidden]; ids: Int[tokens] in [0, vocabulary); bias:
    Float[vocabulary]. Returns Float32[tokens], natural log, at most 0; −inf only where a logit is.

    Products accumulate in float32 whatever the inputs are. No gradient flows. At most
    ``block_bytes`` of logits are alive at a time (and a float32 copy of the block's weights, where
    they are 16-bit on a CPU).
    """
    tokens, vocabulary = hidden.shape[0], weight.shape[0]
    result = torch.empty(tokens, dtype=torch.float32, device=hidden.device)
    words = _words(weight, block_bytes)
    rows = max(1, block_bytes // (4 * words))
    with torch.no_grad():
        for first in range(0, tokens, rows):
            chunk, wanted = hidden[first : first + rows], ids[first : first + rows]
            # logaddexp over blocks is a running log-sum-exp that −inf logits cannot turn into nan.
            total = torch.full_like(chunk[:, 0], -torch.inf, dtype=torch.float32)
            chosen = torch.zeros_like(total)
            for start in range(0, vocabulary, words):
                end = min(start + words, vocabulary)
                logits = block_logits(
                    chunk,
                    weight[start:end],
                    bias=None if bias is None else bias[start:end],
                    softcap=softcap,
                    scale=scale,
                )
                total = torch.logaddexp(total, torch.logsumexp(logits, dim=-1))
                inside = (wanted >= start) & (wanted < end)
                column = (wanted - start).clamp(0, end - start - 1)
                chosen = torch.where(inside, logits.gather(1, column[:, None])[:, 0], chosen)
            result[first : first + rows] = (chosen - total).clamp(max=0.0)
    return result


def block_logits(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    *,
    bias: torch.Tensor | None = None,
    softcap: float | None = None,
    scale: float = 1.0,
) -> torch.Tensor:
    """Float32[tokens, words]: the logits of `selected_logprobs`, all of them."""
    logits = _product(hidden, weight)
    if bias is not None:
        logits = logits + bias.float()
    if scale != 1.0:
        logits = logits * scale
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    return logits


def _product(hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``hidden @ weight.T`` in float32: a 16-bit result would round log-probs to 2 or 3 digits."""
    if hidden.dtype == weight.dtype == torch.float32:
        return hidden @ weight.T
    if hidden.is_cuda and hidden.dtype == weight.dtype:
        return torch.mm(hidden, weight.T, out_dtype=torch.float32)
    return hidden.float() @ weight.float().T


def _words(weight: torch.Tensor, block_bytes: int) -> int:
    """Words a block: the whole vocabulary where its logits for 256 tokens fit the budget."""
    fits = max(1, block_bytes // (4 * 256))
    if weight.dtype != torch.float32 and not weight.is_cuda:
        fits = min(fits, max(1, block_bytes // (4 * weight.shape[1])))
    return min(weight.shape[0], fits)
