"""The kernels on a GPU, against float64."""

import pytest
import torch

from kernels.attention import flex, tiles
from kernels.head import Head
from kernels.logprobs import IGNORED, selected_logprobs
from kernels.packing import pack, sees
from tests.kernels.cases import CASES, Case, assert_right, case
from tests.kernels.test_attention import BIG, every_pair, states

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]


def on_gpu(asked: Case) -> Case:
    head, bias = asked.head, asked.head.bias
    moved = Head(
        head.weight.cuda(),
        None if bias is None else bias.cuda(),
        softcap=head.softcap,
        scale=head.scale,
        temperature=head.temperature,
    )
    return Case(asked.hidden.cuda(), moved, asked.ids.cuda())


@pytest.mark.parametrize("name", CASES)
def test_log_probs_are_what_float64_says(name: str) -> None:
    asked = on_gpu(CASES[name]())
    assert_right(selected_logprobs(asked.hidden, asked.head, asked.ids), asked)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("tokens", [1, 63, 129, 3000])
def test_real_sizes_are_what_float64_says(tokens: int, dtype: torch.dtype) -> None:
    """A vocabulary and a width that no tile divides; a share of the words for each processor."""
    asked = case(tokens, 50_257, width=200, dtype=dtype, bias=True)
    asked = Case(asked.hidden, Head(asked.head.weight / 8, asked.head.bias), asked.ids)
    asked = on_gpu(asked)
    assert_right(selected_logprobs(asked.hidden, asked.head, asked.ids), asked)


def test_tokens_that_nobody_asks_for_change_nothing() -> None:
    asked = on_gpu(case(300, 5000, width=64))
    masked = asked.ids.clone()
    masked[::3] = IGNORED
    found = selected_logprobs(asked.hidden, asked.head, masked)
    every = selected_logprobs(asked.hidden, asked.head, asked.ids)
    assert (found[::3] == 0).all()
    torch.testing.assert_close(found[masked != IGNORED], every[masked != IGNORED])


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("multiple", [1, 128])
def test_flex_attention_sees_what_the_mask_says(softcap: float | None, multiple: int) -> None:
    packed = pack(BIG, multiple=multiple)
    query, key, value = (one.cuda() for one in states(len(packed.until), kept=2))
    found = flex(query, key, value, tiles(packed, torch.device("cuda")), softcap=softcap)
    expected = every_pair(query, key, value, sees(packed.until).cuda(), softcap=softcap)
    torch.testing.assert_close(found.double(), expected, atol=2e-3, rtol=0)
