"""What `test_triton` runs in a process of its own, where Triton interprets kernels on the CPU."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import reference
from kernels.fused import fold
from kernels.gpu.segments import sums
from kernels.logprobs import Statistics
from tests.kernels.cases import CASES, assert_right, case


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_what_float64_says(name: str):
    asked = CASES[name]()
    (found,) = fold([(asked.hidden, asked.head)], asked.ids, entropy=True, top1=True)
    assert_right(Statistics(*found), asked)


@pytest.mark.parametrize("width", [24, 16])
def test_two_models_are_read_in_one_launch(width: int):
    one, two = case(18, 70, softcap=3.0), case(18, 70, width=width, bias=True, seed=1)
    for asked, found in zip(
        (one, two), fold([(one.hidden, one.head), (two.hidden, two.head)], one.ids), strict=True
    ):
        expected = reference.token_statistics(asked.hidden, asked.head, one.ids)
        torch.testing.assert_close(found[0].double(), expected.logprobs, atol=1e-5, rtol=0)
        assert found[2] is found[3] is None


@settings(deadline=None, max_examples=15)
@given(lengths=st.lists(st.sampled_from([0, 1, 7, 128, 300]), max_size=5), seed=st.integers(0, 99))
def test_each_segment_is_summed(lengths: list[int], seed: int):
    torch.manual_seed(seed)
    values, sizes = torch.randn(sum(lengths)), torch.tensor(lengths, dtype=torch.int64)
    found = sums(values, sizes.cumsum(0))
    torch.testing.assert_close(
        found.double(), reference.segment_sums(values, sizes), atol=1e-4, rtol=0
    )
