import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import blocks, reference
from kernels.head import Head
from kernels.logprobs import (
    IGNORED,
    Statistics,
    density_ratios,
    selected_logprobs,
    token_statistics,
)
from tests.kernels.cases import CASES, Case, assert_right, case


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_what_float64_says(name: str):
    asked = CASES[name]()
    found = token_statistics(asked.hidden, asked.head, asked.ids, entropy=True, top1=True)
    assert_right(found, asked)


@settings(deadline=None, max_examples=60)
@given(
    tokens=st.integers(0, 9),
    vocabulary=st.integers(1, 70),
    block=st.sampled_from([4, 100, 700, 20_000]),
    softcap=st.sampled_from([None, 5.0]),
    scale=st.sampled_from([1.0, 0.25]),
    bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_blocks_of_any_size_give_the_same(tokens, vocabulary, block, softcap, scale, bias, seed):
    asked = case(tokens, vocabulary, softcap=softcap, scale=scale, bias=bias, seed=seed)
    found = blocks.fold(
        asked.hidden, asked.head, asked.ids, entropy=True, top1=True, block_bytes=block
    )
    assert_right(Statistics(*found), asked)


def test_what_is_not_asked_for_is_not_made():
    asked = case(3, 9)
    found = token_statistics(asked.hidden, asked.head, asked.ids)
    assert found.entropy is None
    assert found.top1 is None


@settings(deadline=None, max_examples=30)
@given(wanted=st.lists(st.booleans(), max_size=12))
def test_tokens_nobody_asks_for_change_nothing(wanted: list[bool]):
    asked = case(len(wanted), 40)
    masked = torch.where(torch.tensor(wanted, dtype=torch.bool), asked.ids, IGNORED)
    found = token_statistics(asked.hidden, asked.head, masked, entropy=True, top1=True)
    assert_right(found, Case(asked.hidden, asked.head, masked))
    assert (found.logprobs[masked == IGNORED] == 0).all()


def test_a_density_ratio_is_the_difference_of_two_models():
    one, two = case(8, 33, bias=True), case(8, 33, width=24, seed=1, softcap=3.0)
    ids = one.ids.clone()
    ids[2] = IGNORED
    found = density_ratios((one.hidden, one.head), (two.hidden, two.head), ids)
    expected = reference.density_ratios((one.hidden, one.head), (two.hidden, two.head), ids)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


def test_a_density_ratio_of_two_vocabularies_is_refused():
    one, two = case(2, 33), case(2, 34)
    with pytest.raises(ValueError, match="needs one vocabulary"):
        density_ratios((one.hidden, one.head), (two.hidden, two.head), one.ids)


def test_no_gradient_is_kept():
    asked = case(3, 9)
    weight = asked.head.weight.clone().requires_grad_()
    assert not selected_logprobs(asked.hidden, Head(weight), asked.ids).requires_grad


def test_a_head_writes_its_logits_where_it_is_told():
    asked, space = case(3, 9), torch.empty(3, 9)
    logits = asked.head.logits(asked.hidden, out=space)
    assert logits.data_ptr() == space.data_ptr()
    torch.testing.assert_close(logits, asked.hidden @ asked.head.weight.T)
