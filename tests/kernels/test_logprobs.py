import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels import blocks
from kernels.head import Head
from kernels.logprobs import IGNORED, selected_logprobs
from tests.kernels.cases import CASES, Case, assert_right, case


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_what_float64_says(name: str):
    asked = CASES[name]()
    assert_right(selected_logprobs(asked.hidden, asked.head, asked.ids), asked)


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
    assert_right(blocks.fold(asked.hidden, asked.head, asked.ids, block_bytes=block), asked)


@given(wanted=st.lists(st.booleans(), max_size=12))
def test_tokens_nobody_asks_for_change_nothing(wanted: list[bool]):
    asked = case(len(wanted), 40)
    masked = torch.where(torch.tensor(wanted, dtype=torch.bool), asked.ids, IGNORED)
    found = selected_logprobs(asked.hidden, asked.head, masked)
    assert_right(found, Case(asked.hidden, asked.head, masked))
    assert (found[masked == IGNORED] == 0).all()


def test_no_gradient_is_kept():
    asked = case(3, 9)
    weight = asked.head.weight.clone().requires_grad_()
    assert not selected_logprobs(asked.hidden, Head(weight), asked.ids).requires_grad


def test_a_head_writes_its_logits_where_it_is_told():
    asked, space = case(3, 9), torch.empty(3, 9)
    logits = asked.head.logits(asked.hidden, out=space)
    assert logits.data_ptr() == space.data_ptr()
    torch.testing.assert_close(logits, asked.hidden @ asked.head.weight.T)
