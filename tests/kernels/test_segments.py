import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels import reference
from kernels.segments import segment_sums


@given(lengths=st.lists(st.integers(0, 9), max_size=8), seed=st.integers(0, 99))
def test_each_segment_is_summed_and_an_empty_one_is_zero(lengths: list[int], seed: int):
    torch.manual_seed(seed)
    values, sizes = torch.randn(sum(lengths)), torch.tensor(lengths, dtype=torch.int64)
    found = segment_sums(values, sizes)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), reference.segment_sums(values, sizes))
    assert (found[sizes == 0] == 0).all()


def test_an_impossible_token_costs_its_own_segment_only():
    values = torch.tensor([-1.0, -torch.inf, -2.0])
    assert segment_sums(values, torch.tensor([1, 1, 1])).tolist() == [-1.0, -torch.inf, -2.0]


@pytest.mark.parametrize("lengths", [[], [2], [1, 3], [4, -1]])
def test_segments_that_do_not_cover_the_values_are_refused(lengths: list[int]):
    with pytest.raises(ValueError, match="cannot cover 3 values"):
        segment_sums(torch.ones(3), torch.tensor(lengths, dtype=torch.int64))
