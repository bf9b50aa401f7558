"""Hot numeric code: selected log-probs, shared-prefix packing, counter-based noise.

Modules are imported by name (``from kernels.logprobs import selected_logprobs``), so that importing
the package costs nothing.
"""
