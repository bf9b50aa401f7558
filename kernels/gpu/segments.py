"""Sums of ragged segments on a GPU: a program a segment, so no addition races another."""

import torch
import triton
import triton.language as tl


@triton.jit
def sums_kernel(values, ends, out, BLOCK: tl.constexpr):
    """``out[s]`` is the sum of ``values`` from the end of the segment before s to its own."""
    segment = tl.program_id(0)
    end = tl.load(ends + segment)
    start = tl.load(ends + segment - 1, mask=segment > 0, other=0)
    total = tl.zeros((BLOCK,), tl.float32)
    for at in range(start, end, BLOCK):
        cells = at + tl.arange(0, BLOCK)
        total += tl.load(values + cells, mask=cells < end, other=0.0).to(tl.float32)
    tl.store(out + segment, tl.sum(total, axis=0))


def sums(values: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """As `kernels.segments.segment_sums`; ``ends``: Int64[segments], where each segment ends."""
    out = torch.empty(len(ends), dtype=torch.float32, device=values.device)
    if len(ends):
        sums_kernel[(len(ends),)](values.contiguous(), ends, out, BLOCK=128)
    return out
