"""The kernels in Triton's language, which `kernels.fused` launches."""
