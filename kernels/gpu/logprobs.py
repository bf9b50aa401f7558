"""Log-probs of tokens with the matrix product inside the kernel: logits stay on the chip.

A program has some tokens and a share of the words. It multiplies tile by tile and adds each tile to
running sums (online softmax) in registers. A second, small kernel joins the shares of each token.
So a few tokens can use the full GPU. With many tokens, each word's weights are read from memory
only a few times: programs that run together use the same words (grouped order), whose tiles stay in
the L2 cache.

Tiles are read through tensor descriptors, on Hopper by its copy engine. Cells past the end of a
matrix are zero, so any vocabulary and width is possible.
"""

import triton
import triton.language as tl


@triton.jit
def _logits(acc, bias, words, vocabulary, scale, softcap, temperature,
            BIASED: tl.constexpr, CAPPED: tl.constexpr):  # fmt: skip
    """The head's last steps on a tile of products; −inf where there is no such word."""
    if BIASED:
        bias_values = tl.load(bias + words, mask=words < vocabulary, other=0.0)
        acc += bias_values.to(tl.float32)[None, :]
    acc = acc * scale
    if CAPPED:
        # tanh(x) = 2 sigmoid(2x) − 1
        acc = softcap * (2.0 * tl.sigmoid(2.0 * acc / softcap) - 1.0)
    acc = acc / temperature
    return tl.where(words[None, :] < vocabulary, acc, -float("inf"))


@triton.jit
def _merge(most, total, other, sum_here):
    """The largest logit and Σ e^(z − largest) of two sets of words, from those of each."""
    both = tl.maximum(most, other)
    shift = tl.where(both == -float("inf"), 0.0, both)
    return both, total * tl.exp(most - shift) + sum_here * tl.exp(other - shift)


@triton.jit
def shares_kernel(hidden, weight, bias, ids, out, tokens, width, vocabulary, scale, softcap,
                  temperature, shares, share_words, stride, bucket,
                  BIASED: tl.constexpr, CAPPED: tl.constexpr, PRECISION: tl.constexpr,
                  UPCAST: tl.constexpr, GROUP: tl.constexpr, BLOCK_TOKENS: tl.constexpr,
                  BLOCK_WORDS: tl.constexpr, BLOCK_WIDTH: tl.constexpr):  # fmt: skip
    """A program is a block of tokens and a share of the words; ``out`` has three planes of
    ``stride``: largest logits, sums, logits of the wanted words."""
    blocks = tl.cdiv(tokens, BLOCK_TOKENS)
    program = tl.program_id(0)
    group = program // (GROUP * shares)
    members = tl.minimum(blocks - group * GROUP, GROUP)
    inside = program % (GROUP * shares)
    row = (group * GROUP + inside % members) * BLOCK_TOKENS
    share = inside // members
    rows = row + tl.arange(0, BLOCK_TOKENS)
    real = rows < tokens
    wanted = tl.load(ids + rows, mask=real, other=-1)
    most = tl.full((BLOCK_TOKENS,), -float("inf"), tl.float32)
    total = tl.zeros((BLOCK_TOKENS,), tl.float32)
    chosen = tl.zeros((BLOCK_TOKENS,), tl.float32)
    first = share * share_words
    for start in range(first, tl.minimum(first + share_words, vocabulary), BLOCK_WORDS):
        acc = tl.zeros((BLOCK_TOKENS, BLOCK_WORDS), tl.float32)
        for at in range(0, width, BLOCK_WIDTH):
            left = hidden.load([row, at])
            right = weight.load([start, at])
            if UPCAST:
                left, right = left.to(tl.float32), right.to(tl.float32)
            acc = tl.dot(left, right.T, acc, input_precision=PRECISION)
        words = start + tl.arange(0, BLOCK_WORDS)
        z = _logits(acc, bias, words, vocabulary, scale, softcap, temperature, BIASED, CAPPED)
        chosen += tl.sum(tl.where(words[None, :] == wanted[:, None], z, 0.0), axis=1)
        here = tl.max(z, axis=1)
        shift = tl.where(here == -float("inf"), 0.0, here)
        powers = tl.exp(z - shift[:, None])
        most, total = _merge(most, total, here, tl.sum(powers, axis=1))
    at = out + share * tokens + rows
    tl.store(at, most, mask=real)
    tl.store(at + stride, total, mask=real)
    tl.store(at + 2 * stride, chosen, mask=real)


@triton.jit
def join_kernel(found, logprobs, tokens, shares, stride, BLOCK: tl.constexpr):
    """The log-prob of each token from its shares."""
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = rows < tokens
    most = tl.full((BLOCK,), -float("inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    chosen = tl.zeros((BLOCK,), tl.float32)
    for share in range(shares):
        at = found + share * tokens + rows
        here = tl.load(at, mask=real, other=-float("inf"))
        total_here = tl.load(at + stride, mask=real, other=0.0)
        chosen += tl.load(at + 2 * stride, mask=real, other=0.0)
        most, total = _merge(most, total, here, total_here)
    # Rounding may put a certain token's log-prob a hair above 0; a nan stays one.
    likely = chosen - most - tl.log(total)
    tl.store(logprobs + rows, tl.where(likely > 0, 0.0, likely), mask=real)
