"""Kernels in Triton's language; `kernels.fused` and `kernels.segments` launch them."""
