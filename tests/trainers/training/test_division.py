"""How devices share an optimizer step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.training.division import divided

SIZES = st.integers(1, 12)


@given(batch=SIZES, accumulation=SIZES, devices=SIZES, rows=st.integers(1, 200))
def test_every_row_of_an_epoch_is_computed_once_in_the_pass_and_step_that_one_device_gives_it(
    batch: int, accumulation: int, devices: int, rows: int
) -> None:
    try:
        division = divided(batch, accumulation, devices)
    except ValueError:
        return
    assert division.rows * division.passes == batch * accumulation
    computed, passes = [], 0
    for first in range(0, rows, division.rows):
        together = range(rows)[first : first + division.rows]
        passes += division.batches(together)
        for process in range(devices):
            part, whole = division.part(together, process)
            assert len(part) <= division.rows_of_device
            computed += part
            if part:
                # The rows that one device would compute in one forward pass.
                assert whole[0] % batch == 0
                assert whole[-1] == min(whole[0] + batch, rows) - 1
    assert sorted(computed) == list(range(rows))
    assert passes == math.ceil(rows / batch)


def test_one_device_computes_all() -> None:
    division = divided(4, 3, 1)
    assert (division.rows, division.passes) == (4, 3)
    assert division.part("abcd", 0) == ("abcd", "abcd")


def test_more_devices_than_rows_are_refused_with_what_to_change() -> None:
    with pytest.raises(ValueError, match="batch_size to at least 4"):
        divided(2, 6, 8)
    assert divided(4, 6, 8).rows_of_device == 1
    assert divided(2, 8, 8).rows_of_device == 2
