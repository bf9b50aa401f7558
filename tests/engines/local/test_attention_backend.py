"""A model's hidden states over a packed line are those of each text alone."""

from pathlib import Path

import pytest
import torch

from engines.bindings import Binding
from engines.local.attention_backend import attention_layout, install
from engines.weights import load
from kernels.attention import blocks, tiles
from kernels.packing import Packed, Row, pack

ROWS = [
    Row([5, 9, 7, 30], [[8, 8, 20, 1], [8, 8, 21, 1], [40, 41, 1]]),
    Row([5, 9, 60], [[61, 62, 63, 1]]),
    Row(list(range(5, 150)), [[n, *range(9, 80), 1] for n in (6, 7)]),
]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize(
    "layout",
    [
        blocks,
        lambda packed: tiles(packed, torch.device("cpu")),
    ],
    ids=["blocks", "FlexAttention"],
)
@torch.no_grad()
def test_packed_texts_are_read_as_each_alone(layout, tiny_model: Path):
    model, _ = load(Binding(model=str(tiny_model), device="cpu"))
    assert install(model)
    packed: Packed = pack(ROWS, multiple=128)
    with attention_layout(layout(packed)):
        line = model.base_model(
            input_ids=packed.input_ids, position_ids=packed.position_ids, use_cache=False
        ).last_hidden_state[0]
    at = 0
    for row in ROWS:
        for ids in row.continuations:
            text = torch.tensor([[*row.prefix, *ids[:-1]]])
            alone = model.base_model(input_ids=text, use_cache=False).last_hidden_state[0]
            cells = packed.predictors[at : at + len(ids)]
            torch.testing.assert_close(line[cells], alone[-len(ids) :], atol=1e-4, rtol=1e-4)
            at += len(ids)
    assert at == len(packed.predictors)
