import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.noise import uniforms

SEEDS = st.integers(0, (1 << 64) - 1)


@given(seed=SEEDS, start=st.integers(0, 50), count=st.integers(0, 50))
def test_the_nth_uniform_is_the_same_however_it_is_reached(seed: int, start: int, count: int):
    whole = uniforms(seed, count=start + count)
    assert uniforms(seed, start=start, count=count).tolist() == whole[start:].tolist()


@given(seed=SEEDS)
def test_they_are_in_the_unit_interval(seed: int):
    drawn = uniforms(seed, count=100)
    assert drawn.dtype == np.float64
    assert ((drawn >= 0) & (drawn < 1)).all()


def test_neighbouring_seeds_are_unrelated():
    first = np.stack([uniforms(seed, count=64) for seed in range(500)])
    assert abs(first.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(first[:-1].ravel(), first[1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("seed", [-1, 1 << 64])
def test_a_seed_beyond_64_bits_is_refused(seed: int):
    with pytest.raises(ValueError, match="64-bit"):
        uniforms(seed, count=1)
