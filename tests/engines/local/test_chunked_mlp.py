"""A long line through a model's feed-forward layers is the same in pieces."""

from pathlib import Path

import pytest
import torch
from torch import nn

from engines.bindings import Binding
from engines.local import chunked_mlp as pieces
from engines.weights import load


@torch.no_grad()
def test_a_line_in_pieces_is_the_line(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    model, _ = load(Binding(model=str(tiny_model), device="cpu"))
    ids = torch.arange(5, 95)[None] % 60
    whole = model(input_ids=ids).logits
    monkeypatch.setattr(pieces, "_CELLS", 32)
    seen: list[int] = []
    model.model.layers[0].mlp.register_forward_pre_hook(lambda _, given: seen.append(len(given)))
    inner = model.model.layers[0].mlp.down_proj
    inner.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    pieces.chunk_mlp(model)
    torch.testing.assert_close(model(input_ids=ids).logits, whole, atol=1e-5, rtol=1e-5)
    assert seen == [1, 32, 32, 26]


def test_what_does_not_take_each_cell_by_itself_is_left_alone():
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mlp = nn.Sequential(nn.Linear(4, 4), nn.Conv1d(4, 4, 3))

    model = Mixing()
    before = model.mlp.forward
    pieces.chunk_mlp(model)
    assert model.mlp.forward == before
