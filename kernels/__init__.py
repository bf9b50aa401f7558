"""Hot numeric code: selected log-probs, shared-prefix packing, segment sums, rank statistics, noise.

Modules are imported by name (``from kernels.logprobs import selected_logprobs``), so that importing
the package costs nothing.
"""
