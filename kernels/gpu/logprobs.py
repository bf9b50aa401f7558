"""Statistics of tokens with the matrix product inside the kernel: no logit leaves the chip.

A program holds some tokens and walks over a share of the words: it multiplies tile after tile and
folds each into running statistics (online softmax) while it is still in registers. The shares of a
token are then put together by a second, small kernel. So a few tokens keep a whole GPU busy, and
many tokens read each word's weights from memory a few times in all: programs that run at once work
on the same words (grouped order), whose tiles stay in the L2 cache.

Tiles are read through tensor descriptors: Hopper's copy engine where there is one, and zeros past
the end of a matrix, so any vocabulary and width will do.
"""

import triton
import triton.language as tl


@triton.jit
def _logits(acc, bias, words, vocabulary, scale, softcap, temperature,
            BIASED: tl.constexpr, CAPPED: tl.constexpr):  # fmt: skip
    """The head's last steps on a tile of products; −inf where there is no such word."""
    if BIASED:
        found = tl.load(bias + words, mask=words < vocabulary, other=0.0)
        acc += found.to(tl.float32)[None, :]
    acc = acc * scale
    if CAPPED:
        # tanh(x) = 2 sigmoid(2x) − 1
        acc = softcap * (2.0 * tl.sigmoid(2.0 * acc / softcap) - 1.0)
    acc = acc / temperature
    return tl.where(words[None, :] < vocabulary, acc, -float("inf"))


@triton.jit
def _merge(most, total, spread, here, sum_here, spread_here):
    """The statistics of two sets of words from those of each: see `kernels.blocks`."""
    both = tl.maximum(most, here)
    shift = tl.where(both == -float("inf"), 0.0, both)
    a, b = most - shift, here - shift
    old, new = tl.exp(a), tl.exp(b)
    # Sets of −inf alone add nothing; 0 · −inf would be nan.
    spread = tl.where(total > 0, (spread + total * a) * old, 0.0)
    spread += tl.where(sum_here > 0, (spread_here + sum_here * b) * new, 0.0)
    return both, total * old + sum_here * new, spread


@triton.jit
def _walk(hidden, weight, bias, ids, out, row, share, tokens, width, vocabulary, scale, softcap,
          temperature, stride, share_words,
          BIASED: tl.constexpr, CAPPED: tl.constexpr, ENTROPY: tl.constexpr, TOP1: tl.constexpr,
          PRECISION: tl.constexpr, UPCAST: tl.constexpr, BLOCK_TOKENS: tl.constexpr,
          BLOCK_WORDS: tl.constexpr, BLOCK_WIDTH: tl.constexpr):  # fmt: skip
    """One program's tokens over its share of the words; ``out`` has five planes of ``stride``."""
    rows = row + tl.arange(0, BLOCK_TOKENS)
    real = rows < tokens
    wanted = tl.load(ids + rows, mask=real, other=-1)
    most = tl.full((BLOCK_TOKENS,), -float("inf"), tl.float32)
    total = tl.zeros((BLOCK_TOKENS,), tl.float32)
    spread = tl.zeros((BLOCK_TOKENS,), tl.float32)
    chosen = tl.zeros((BLOCK_TOKENS,), tl.float32)
    best = tl.zeros((BLOCK_TOKENS,), tl.int32)
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
        if TOP1:
            equal = tl.where(z == here[:, None], words[None, :], vocabulary)
            best = tl.where(here > most, tl.min(equal, axis=1), best)
        shift = tl.where(here == -float("inf"), 0.0, here)
        z -= shift[:, None]
        powers = tl.exp(z)
        spread_here = tl.zeros((BLOCK_TOKENS,), tl.float32)
        if ENTROPY:
            spread_here = tl.sum(powers * tl.maximum(z, -3.4e38), axis=1)
        most, total, spread = _merge(
            most, total, spread, here, tl.sum(powers, axis=1), spread_here
        )  # fmt: skip
    at = out + share * tokens + rows
    tl.store(at, most, mask=real)
    tl.store(at + stride, total, mask=real)
    tl.store(at + 2 * stride, chosen, mask=real)
    if ENTROPY:
        tl.store(at + 3 * stride, spread, mask=real)
    if TOP1:
        tl.store(at + 4 * stride, best.to(tl.float32, bitcast=True), mask=real)


@triton.jit
def shares_kernel(hidden, weight, bias, other_hidden, other_weight, other_bias, ids, out, tokens,
            width, other_width, vocabulary, scale, softcap, temperature, other_scale, other_softcap,
            other_temperature, shares, share_words, stride, bucket,
            BIASED: tl.constexpr, CAPPED: tl.constexpr, OTHER_BIASED: tl.constexpr,
            OTHER_CAPPED: tl.constexpr, PAIRED: tl.constexpr, ENTROPY: tl.constexpr,
            TOP1: tl.constexpr, PRECISION: tl.constexpr, UPCAST: tl.constexpr, GROUP: tl.constexpr,
            BLOCK_TOKENS: tl.constexpr, BLOCK_WORDS: tl.constexpr,
            BLOCK_WIDTH: tl.constexpr):  # fmt: skip
    """Program (block of tokens, share of words), and of which model where there are two."""
    blocks = tl.cdiv(tokens, BLOCK_TOKENS)
    program = tl.program_id(0)
    model = program // (blocks * shares)
    program = program % (blocks * shares)
    group = program // (GROUP * shares)
    members = tl.minimum(blocks - group * GROUP, GROUP)
    inside = program % (GROUP * shares)
    row = (group * GROUP + inside % members) * BLOCK_TOKENS
    share = inside // members
    if PAIRED:
        if model == 1:
            _walk(other_hidden, other_weight, other_bias, ids, out + 5 * stride, row, share,
                  tokens, other_width, vocabulary, other_scale, other_softcap, other_temperature,
                  stride, share_words, OTHER_BIASED, OTHER_CAPPED, ENTROPY, TOP1, PRECISION,
                  UPCAST, BLOCK_TOKENS, BLOCK_WORDS, BLOCK_WIDTH)  # fmt: skip
        else:
            _walk(hidden, weight, bias, ids, out, row, share, tokens, width, vocabulary, scale,
                  softcap, temperature, stride, share_words, BIASED, CAPPED, ENTROPY, TOP1,
                  PRECISION, UPCAST, BLOCK_TOKENS, BLOCK_WORDS, BLOCK_WIDTH)  # fmt: skip
    else:
        _walk(hidden, weight, bias, ids, out, row, share, tokens, width, vocabulary, scale,
              softcap, temperature, stride, share_words, BIASED, CAPPED, ENTROPY, TOP1,
              PRECISION, UPCAST, BLOCK_TOKENS, BLOCK_WORDS, BLOCK_WIDTH)  # fmt: skip


@triton.jit
def join_kernel(found, ids, logprobs, lse, entropies, flags, tokens, shares, stride,
          ENTROPY: tl.constexpr, TOP1: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """The shares of each token put together; the second axis of the grid is the model."""
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    model = tl.program_id(1)
    real = rows < tokens
    most = tl.full((BLOCK,), -float("inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    spread = tl.zeros((BLOCK,), tl.float32)
    chosen = tl.zeros((BLOCK,), tl.float32)
    best = tl.zeros((BLOCK,), tl.int32)
    for share in range(shares):
        at = found + model * 5 * stride + share * tokens + rows
        here = tl.load(at, mask=real, other=-float("inf"))
        total_here = tl.load(at + stride, mask=real, other=0.0)
        chosen += tl.load(at + 2 * stride, mask=real, other=0.0)
        spread_here = tl.zeros((BLOCK,), tl.float32)
        if ENTROPY:
            spread_here = tl.load(at + 3 * stride, mask=real, other=0.0)
        if TOP1:
            word = tl.load(at + 4 * stride, mask=real, other=0.0).to(tl.int32, bitcast=True)
            best = tl.where(here > most, word, best)
        most, total, spread = _merge(most, total, spread, here, total_here, spread_here)
    size = tl.log(total)
    at = model * tokens + rows
    # Rounding may put a certain token's log-prob a hair above 0; a nan stays one.
    likely = chosen - most - size
    tl.store(logprobs + at, tl.where(likely > 0, 0.0, likely), mask=real)
    tl.store(lse + at, most + size, mask=real)
    if ENTROPY:
        value = size - spread / total
        tl.store(entropies + at, tl.where(value < 0, 0.0, value), mask=real)
    if TOP1:
        wanted = tl.load(ids + rows, mask=real, other=-1)
        tl.store(flags + at, (best == wanted).to(tl.int8), mask=real)
