"""Launches the kernels of `kernels.gpu.logprobs`: tiles for the problem, shares for the GPU."""

import os
from typing import Any

import torch
import triton
from triton.tools.tensor_descriptor import TensorDescriptor

from kernels.gpu.logprobs import join_kernel, shares_kernel
from kernels.head import Head

_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Triton reads this when it is imported; its interpreter runs kernels on a CPU, for tests. It would
multiply the bits of bfloat16, so tiles of that are made float32 there first."""
_WORDS = 32 if _INTERPRETED else 256
"""Words in the smallest share: a multiple of every tile's."""
_GROUP = 16
"""Blocks of tokens that go over the same words at the same time."""
_ALIGNED = 16
"""Bytes of which a row's length must be a multiple, for the copy engine."""


def _shaped(arguments: dict[str, Any]) -> None:
    """Give the descriptors the tile of the configuration that is about to run."""
    width = arguments["BLOCK_WIDTH"]
    for name, rows in (("hidden", "BLOCK_TOKENS"), ("weight", "BLOCK_WORDS")):
        arguments[name].block_shape = [arguments[rows], width]


def _config(tokens: int, words: int, width: int, *, warps: int, stages: int) -> triton.Config:
    tile = {"BLOCK_TOKENS": tokens, "BLOCK_WORDS": words, "BLOCK_WIDTH": width}
    return triton.Config(tile, num_warps=warps, num_stages=stages, pre_hook=_shaped)


_SMALLEST_TILE = _config(16, 16, 16, warps=4, stages=1)
_TILES = [
    _config(128, 256, 64, warps=8, stages=3),
    _config(128, 128, 64, warps=8, stages=4),
    _config(64, 256, 64, warps=4, stages=4),
    _config(16, 128, 128, warps=4, stages=4),
]
"""None of these spills registers when compiled for sm_90."""


def _tuned() -> Any:
    """The kernel, which tries the tiles once for each size of problem and keeps the fastest."""
    key = ["bucket", "width", "vocabulary"]
    return triton.autotune([_SMALLEST_TILE] if _INTERPRETED else _TILES, key=key)(shares_kernel)


_SHARES = {torch.bfloat16: _tuned(), torch.float16: _tuned()}
if _INTERPRETED:
    # Measured on an H200: in float32 `kernels.blocks` is three times as fast.
    _SHARES[torch.float32] = _tuned()


def fold(hidden: torch.Tensor, head: Head, ids: torch.Tensor) -> torch.Tensor:
    """As `kernels.logprobs.selected_logprobs`, for all tokens."""
    tokens = len(ids)
    logprobs = torch.empty(tokens, dtype=torch.float32, device=ids.device)
    if not tokens:
        return logprobs
    shares, words = _split(tokens, head.vocabulary, ids.device)
    partial = logprobs.new_empty(3, shares, tokens)
    _SHARES[hidden.dtype][lambda tile: (triton.cdiv(tokens, tile["BLOCK_TOKENS"]) * shares,)](
        # Their blocks get the shape of the configuration that runs.
        hidden=TensorDescriptor.from_tensor(_aligned(hidden), [16, 16]),
        weight=TensorDescriptor.from_tensor(_aligned(head.weight), [16, 16]),
        # Without a bias the kernel does not read this tensor.
        bias=hidden if head.bias is None else head.bias.contiguous(),
        ids=ids,
        out=partial,
        tokens=tokens,
        width=hidden.shape[1],
        vocabulary=head.vocabulary,
        scale=head.scale,
        softcap=head.softcap or 1.0,
        temperature=head.temperature,
        shares=shares,
        share_words=words,
        stride=shares * tokens,
        bucket=triton.next_power_of_2(tokens),
        BIASED=head.bias is not None,
        CAPPED=head.softcap is not None,
        PRECISION="ieee",
        UPCAST=_INTERPRETED and hidden.dtype == torch.bfloat16,
        GROUP=_GROUP,
    )
    block = 16 if _INTERPRETED else 128
    join_kernel[(triton.cdiv(tokens, block),)](
        partial, logprobs, tokens, shares, shares * tokens, BLOCK=block
    )
    return logprobs


def _aligned(matrix: torch.Tensor) -> torch.Tensor:
    """``matrix`` aligned for the copy engine. It is copied and padded with zeros only if needed."""
    step = _ALIGNED // matrix.itemsize
    if matrix.stride(1) == 1 and not matrix.stride(0) % step and not matrix.data_ptr() % _ALIGNED:
        return matrix
    return torch.nn.functional.pad(matrix, (0, -matrix.shape[1] % step)).contiguous()


def _split(tokens: int, vocabulary: int, device: torch.device) -> tuple[int, int]:
    """The number of shares of the words, and the words of each. Programs should fill full waves of
    the GPU's processors, with as few shares as possible."""
    processors = 4
    if device.type == "cuda":
        processors = torch.cuda.get_device_properties(device).multi_processor_count
    rows, blocks = triton.cdiv(tokens, 128), triton.cdiv(vocabulary, _WORDS)

    def cost(size: int) -> float:
        # The blocks of a program in sequence, and a quarter of a block to start and end it.
        return int(triton.cdiv(rows * triton.cdiv(blocks, size), processors)) * (size + 0.25)

    size = min((1, 2, 4, 8, 16, 32, 64), key=cost)
    return triton.cdiv(blocks, size), size * _WORDS
