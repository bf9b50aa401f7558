"""Linear layers on a CPU, with weights packed once for oneDNN.

Torch packs the weights again at each call. The fewer rows, the larger is the share of that in the
time.
"""

from typing import Any

import torch
from torch import nn

from engines.memory.free_memory import computes_bfloat16

_ROWS = 64
"""Weights are packed for this many rows. No other packing was faster at 1 to 2,048 rows."""


class PackedLinear(nn.Module):
    """``states @ weight.T + bias``. From two rows on, the result of a row does not depend on the
    number of rows, to the last bit.

    ``weight``: Float[outputs, inputs]; ``bias``: Float[outputs]; of a type that `can_pack`.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        super().__init__()
        operators: Any = torch.ops.mkldnn
        self.weight = operators._reorder_linear_weight(weight.detach(), _ROWS)
        self.bias = None if bias is None else bias.detach()
        self._product = operators._linear_pointwise

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Float[..., outputs] of Float[..., inputs], in the type of the weights."""
        found: torch.Tensor = self._product(states, self.weight, self.bias, "none", [], "")
        return found


def can_pack(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies numbers of this type on this CPU without emulation."""
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and computes_bfloat16()
    return dtype == torch.float32 and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def pack_linear(body: nn.Module) -> None:
    """Replace the linear layers inside ``body``. Their own weights are freed."""
    for module in list(body.modules()):
        for name, layer in list(module.named_children()):
            if type(layer) is nn.Linear:
                setattr(module, name, PackedLinear(layer.weight, layer.bias))
