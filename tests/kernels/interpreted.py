"""What `test_triton` runs in a process of its own, where Triton interprets kernels on the CPU."""

import pytest

from kernels.fused import fold
from tests.kernels.cases import CASES, assert_right


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_what_float64_says(name: str):
    asked = CASES[name]()
    assert_right(fold(asked.hidden, asked.head, asked.ids), asked)
