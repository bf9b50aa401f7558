"""How far from float64 the kernels are, on fresh random inputs and on those that break kernels."""

from collections.abc import Iterator

import torch

from kernels import blocks, reference
from kernels.head import Head
from kernels.segments import segment_sums

BITS = ("32-bit", "16-bit")
STATISTICS = ("log-probs", "log-sum-exps", "entropies")
MEASURED = (
    *(f"{what} of {bits} inputs" for bits in BITS for what in STATISTICS),
    "density ratios",
    "segment sums",
)
"""Errors are absolute, of values beyond 1 relative: a float32 of 10⁸ is no closer than 4."""


def problems(*, impossible: bool) -> Iterator[tuple[torch.Tensor, Head, torch.Tensor]]:
    """Hidden states, heads and tokens; each run draws others. ``impossible``: with logits of −inf
    and near it."""
    torch.seed()
    for tokens, width, words in ((40, 64, 512), (33, 48, 203), (1, 32, 90), (5, 16, 1)):
        for rules in ({}, {"softcap": 5.0, "scale": 0.5, "temperature": 0.7}):
            for dtype in (torch.float32, torch.bfloat16, torch.float16):
                weight = (torch.randn(words, width) * 0.5).to(dtype)
                ids = torch.randint(0, words, (tokens,))
                yield torch.randn(tokens, width).to(dtype), Head(weight, **rules), ids
    if not impossible:
        return
    # Whole blocks of impossible words, and nearly impossible ones among those wanted.
    bias = torch.randn(100)
    bias[:32], bias[50], bias[99] = -torch.inf, -1e30, -torch.inf
    head = Head(torch.randn(100, 16), bias)
    yield torch.randn(4, 16), head, torch.tensor([40, 50, 99, 3])


def worst(side: str) -> dict[str, float]:
    """Of each of `MEASURED` that ``side`` ("torch", "Triton", "TRL") makes, its largest error."""
    device = "cuda" if side == "Triton" and torch.cuda.is_available() else "cpu"
    found: dict[str, float] = {}
    # TRL's entropies are nan where a logit is −inf (0 · −inf), so it is spared those.
    for hidden, head, ids in problems(impossible=side != "TRL"):
        expected = reference.token_statistics(hidden, head, ids)
        made = _made(side, *_moved(hidden, head, ids, device))
        known = (expected.logprobs, expected.lse, expected.entropy)
        bits = BITS[hidden.itemsize == 2]
        for name, values, truth in zip(STATISTICS, made, known, strict=True):
            if values is not None and truth is not None:
                what = f"{name} of {bits} inputs"
                found[what] = max(found.get(what, 0.0), error(values.cpu(), truth))
    if side == "TRL":
        return found
    return found | {"density ratios": _ratios(side, device), "segment sums": _sums(side, device)}


def error(made: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest; raises AssertionError where one is −inf or nan and the other is not."""
    finite = expected.isfinite()
    assert torch.equal(made[~finite].double(), expected[~finite]), (made, expected)
    off = (made.double() - expected)[finite].abs() / expected[finite].abs().clamp(min=1.0)
    assert not off.isnan().any(), (made, expected)
    return float(off.max()) if len(off) else 0.0


def _moved(
    hidden: torch.Tensor, head: Head, ids: torch.Tensor, device: str
) -> tuple[torch.Tensor, Head, torch.Tensor]:
    bias = None if head.bias is None else head.bias.to(device)
    there = Head(head.weight.to(device), bias, head.softcap, head.scale, head.temperature)
    return hidden.to(device), there, ids.to(device)


def _made(
    side: str, hidden: torch.Tensor, head: Head, ids: torch.Tensor
) -> tuple[torch.Tensor | None, ...]:
    """Log-probs, log-sum-exps, entropies."""
    if side == "torch":
        return blocks.fold(hidden, head, ids, entropy=True, block_bytes=4096)[:3]
    if side == "Triton":
        from kernels.fused import fold

        return fold([(hidden, head)], ids, entropy=True)[0][:3]
    from trl.kernels import ChunkedLogProbFunction

    logprobs, entropy, *_ = ChunkedLogProbFunction.apply(
        hidden, head.weight, head.bias, ids, head.temperature, 8192, head.softcap, head.scale,
        ("entropy",),
    )  # fmt: skip
    return logprobs, None, entropy


def _ratios(side: str, device: str) -> float:
    one = torch.randn(20, 32), Head(torch.randn(203, 32))
    other = torch.randn(20, 48), Head(torch.randn(203, 48))
    ids = torch.randint(0, 203, (20,))
    expected = reference.density_ratios(one, other, ids)
    models = [_moved(*model, ids, device)[:2] for model in (one, other)]
    if side == "Triton":
        from kernels.fused import fold

        above, below = fold(models, ids.to(device))
        return error((above[0] - below[0]).cpu(), expected)
    above, below = (blocks.fold(*model, ids) for model in models)
    return error(above[0] - below[0], expected)


def _sums(side: str, device: str) -> float:
    lengths = torch.tensor([0, 7, 1, 0, 900, 130, 0])
    values = -torch.rand(int(lengths.sum())) * 5
    expected = reference.segment_sums(values, lengths)
    if side == "Triton":
        from kernels.gpu.segments import sums

        return error(sums(values.to(device), lengths.cumsum(0).to(device)).cpu(), expected)
    return error(segment_sums(values, lengths), expected)
