import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.logprobs import selected_logprobs


def reference(hidden, weight, ids, *, bias=None, softcap=None, scale=1.0):
    """The same in float64, all logits at once."""
    logits = hidden.double() @ weight.double().T
    if bias is not None:
        logits = logits + bias.double()
    logits = logits * scale
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    return logits.log_softmax(-1).gather(1, ids[:, None])[:, 0]


@settings(deadline=None, max_examples=60)
@given(
    tokens=st.integers(0, 9),
    vocabulary=st.integers(1, 70),
    block=st.sampled_from([4, 100, 4096, 20_000, 1 << 20]),
    softcap=st.sampled_from([None, 5.0]),
    scale=st.sampled_from([1.0, 0.25]),
    with_bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_blocks_of_any_size_give_the_float64_log_probs(
    tokens, vocabulary, block, softcap, scale, with_bias, seed
):
    torch.manual_seed(seed)
    hidden, weight = torch.randn(tokens, 16), torch.randn(vocabulary, 16)
    bias = torch.randn(vocabulary) if with_bias else None
    ids = torch.randint(0, vocabulary, (tokens,))
    options = {"bias": bias, "softcap": softcap, "scale": scale}
    found = selected_logprobs(hidden, weight, ids, block_bytes=block, **options)
    assert found.dtype == torch.float32
    assert (found <= 0).all()
    torch.testing.assert_close(
        found.double(), reference(hidden, weight, ids, **options), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_weights_are_accumulated_in_float32(dtype):
    torch.manual_seed(0)
    hidden, weight = torch.randn(40, 64).to(dtype), torch.randn(1001, 64).to(dtype)
    ids = torch.randint(0, 1001, (40,))
    found = selected_logprobs(hidden, weight, ids, block_bytes=30_000)
    torch.testing.assert_close(found.double(), reference(hidden, weight, ids), atol=1e-4, rtol=0)


@pytest.mark.parametrize("block", [8, 64, 1 << 20])
def test_impossible_and_certain_tokens_stay_numbers(block: int):
    hidden, weight = torch.ones(3, 1), torch.zeros(6, 1)
    bias = torch.tensor([-torch.inf, -torch.inf, -1e30, 0.0, 0.0, -torch.inf])
    found = selected_logprobs(hidden, weight, torch.tensor([3, 2, 0]), bias=bias, block_bytes=block)
    assert found[0].item() == pytest.approx(-0.6931472, abs=1e-6)
    assert found[1].item() == pytest.approx(-1e30)
    assert found[2].item() == -torch.inf


def test_huge_logits_do_not_overflow():
    found = selected_logprobs(torch.full((1, 1), 1e4), torch.eye(3, 1) * 1e4, torch.tensor([0]))
    assert found.item() == 0.0
