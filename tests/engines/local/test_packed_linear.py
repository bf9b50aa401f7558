"""Linear layers packed for oneDNN compute what the model's own compute."""

import asyncio
from pathlib import Path

import pytest
import torch
from torch import nn

from engines.bindings import Binding
from engines.local import causal_lm
from engines.local.engine import TransformersEngine
from engines.local.packed_linear import PackedLinear, can_pack, pack_linear
from engines.protocol import Generation, Sampling, Scored

pytestmark = pytest.mark.skipif(not can_pack(torch.float32), reason="torch is built without oneDNN")
HALF = pytest.mark.skipif(not can_pack(torch.bfloat16), reason="no units for bfloat16")
TYPES = pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=HALF)])


@TYPES
@pytest.mark.parametrize("bias", [False, True])
def test_products_are_those_of_the_layer(bias: bool, dtype: torch.dtype):
    layer = nn.Linear(576, 200, bias=bias, dtype=dtype).requires_grad_(False)
    states = torch.randn(3, 7, 576, dtype=dtype)
    found = PackedLinear(layer.weight, layer.bias)(states)
    off = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found, layer(states), atol=off, rtol=off)


@pytest.mark.parametrize(("inputs", "outputs"), [(96, 331), (576, 576), (1536, 576)])
@TYPES
def test_a_row_does_not_depend_on_the_number_of_rows(inputs: int, outputs: int, dtype: torch.dtype):
    packed = PackedLinear(torch.randn(outputs, inputs, dtype=dtype))
    states = torch.randn(300, inputs, dtype=dtype)
    whole = packed(states)
    for rows in (2, 3, 5, 16, 63, 64, 65, 128, 299):
        assert torch.equal(packed(states[:rows]), whole[:rows])


def test_only_plain_linear_layers_are_replaced():
    class Own(nn.Linear):
        pass

    body = nn.Sequential(nn.Linear(8, 8), Own(8, 8), nn.Sequential(nn.Linear(8, 4), nn.SiLU()))
    pack_linear(body)
    kinds = [type(part) for part in body.modules() if not list(part.children())]
    assert kinds == [PackedLinear, Own, PackedLinear, nn.SiLU]


def test_a_wide_model_writes_and_scores_the_same(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    async def answers() -> tuple[list[Generation], list[Scored]]:
        opened = TransformersEngine(Binding(model=str(tiny_model), device="cpu"))
        prompt = opened.render([{"role": "user", "content": "Add 12 and 30."}])
        sampling = Sampling(max_tokens=24)
        texts = await asyncio.gather(*(opened.generate(prompt, sampling, n) for n in range(12)))
        scored = await opened.score(prompt, ["42", "forty two", ""], end=[True] * 3)
        await opened.close()
        return texts, scored

    narrow, narrow_scored = asyncio.run(answers())
    monkeypatch.setattr(causal_lm, "WIDE", 1)
    wide, wide_scored = asyncio.run(answers())
    for one, other in zip(narrow, wide, strict=True):
        assert one.token_ids == other.token_ids
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
    for one, other in zip(narrow_scored, wide_scored, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
