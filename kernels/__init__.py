"""Hot numeric code: selected log-probs, packing and attention to it, ranks, noise.

Modules are imported by name (``from kernels.logprobs import selected_logprobs``), so that importing
the package costs nothing.
"""
