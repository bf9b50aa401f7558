"""A few random inputs of every target; `python -m tests.fuzz` tries many."""

import pytest

from tests.fuzz.fuzzing import fuzz, target_names


@pytest.mark.parametrize("name", target_names())
def test_random_inputs_neither_crash_nor_hold_up(name: str) -> None:
    fuzzed = fuzz(name, count=300)
    assert fuzzed.tried == 300
    assert not fuzzed.failures, "\n".join(fuzzed.failures)
