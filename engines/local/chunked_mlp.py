"""Feed-forward layers applied to a long sequence in chunks, which bounds their memory."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

_CELLS = 2048
"""Tokens of one chunk. The hidden states inside the layers are about three times as wide as their
input. Chunks of this size are as fast as whole sequences."""


def chunk_mlp(model: nn.Module) -> None:
    """Apply the feed-forward layers of ``model`` to at most `_CELLS` tokens at a time.

    Only modules named ``mlp`` are changed, and only those that treat each token by itself.
    """
    for name, layer in model.named_modules():
        if name.rpartition(".")[2] == "mlp" and all(map(_cellwise, layer.modules())):
            layer.forward = partial(_in_chunks, layer.forward)


def _cellwise(part: nn.Module) -> bool:
    return isinstance(part, nn.Linear) or not list(part.parameters(recurse=False))


def _in_chunks(
    forward: Callable[[torch.Tensor], torch.Tensor], states: torch.Tensor
) -> torch.Tensor:
    """``states``: Float[rows, cells, hidden]."""
    if states.shape[1] <= _CELLS:
        return forward(states)
    out = torch.empty_like(states)
    for start in range(0, states.shape[1], _CELLS):
        piece = slice(start, start + _CELLS)
        out[:, piece] = forward(states[:, piece])
    return out
