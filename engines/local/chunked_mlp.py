"""Long lines through a model's feed-forward layers, a piece at a time."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

_CELLS = 2048
"""The layers' inner states are some three times as wide as what goes in; pieces of this size are as
fast as whole lines."""


def chunk_mlp(model: nn.Module) -> None:
    """Let the feed-forward layers of ``model`` (``mlp``, of linear layers alone: each cell by
    itself) take no more than `_CELLS` cells of a line at once."""
    for name, layer in model.named_modules():
        if name.rpartition(".")[2] == "mlp" and all(map(_cellwise, layer.modules())):
            layer.forward = partial(_fed, layer.forward)


def _cellwise(part: nn.Module) -> bool:
    return isinstance(part, nn.Linear) or not list(part.parameters(recurse=False))


def _fed(forward: Callable[[torch.Tensor], torch.Tensor], states: torch.Tensor) -> torch.Tensor:
    """``states``: Float[rows, cells, hidden]."""
    if states.shape[1] <= _CELLS:
        return forward(states)
    out = torch.empty_like(states)
    for start in range(0, states.shape[1], _CELLS):
        piece = slice(start, start + _CELLS)
        out[:, piece] = forward(states[:, piece])
    return out
