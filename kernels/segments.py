"""Totals of ragged segments: of the tokens of a step, of the steps of a response."""

from importlib.util import find_spec

import torch


@torch.no_grad()
def segment_sums(values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The sum of each segment of ``values``, which follow one another; an empty one's is 0.

    values: Float[tokens]; lengths: Int[segments], at least 0, adding up to ``tokens`` (else
    ValueError). Returns Float32[segments]. Sums are made in float64 on a CPU, in float32 on a GPU,
    in the same order each time.
    """
    ends = lengths.cumsum(0)
    covered = int(ends[-1]) if len(ends) else 0
    if covered != len(values) or bool((lengths < 0).any()):
        raise ValueError(f"segments of {covered} tokens in all cannot cover {len(values)} values")
    if values.is_cuda and find_spec("triton") is not None:
        from kernels.gpu.segments import sums

        return sums(values, ends)
    numbers = torch.repeat_interleave(torch.arange(len(lengths), device=values.device), lengths)
    totals = torch.zeros(len(lengths), dtype=torch.float64, device=values.device)
    return totals.index_add_(0, numbers, values.double()).float()
