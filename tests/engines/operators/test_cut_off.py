"""Why a text is not read."""

import pytest

from engines.operators.cut_off import cut_off
from engines.protocol import Generation
from engines.rows import BEGUN, Response


def test_a_text_that_was_cut_off_is_refused_unless_it_may_be_read() -> None:
    cut = Generation("four and", (1,) * 1200, (), "length")
    assert cut_off(cut) == "cut off at 1,200 tokens"
    assert cut_off(cut, "read") is None
    assert cut_off(Generation("four", (1,), (), "stop")) is None


@pytest.mark.parametrize("cut", ["refuse", "read"])
def test_a_thought_without_an_answer_is_never_read(cut: str) -> None:
    unended = Generation("", (1,) * 9, (), "length", reasoning="hm")
    assert cut_off(unended, cut) == "the thought was cut off at 9 tokens: there is no answer"
    silent = Generation(" ", (1,), (), "stop", reasoning="hm")
    assert cut_off(silent, cut) == "there is no answer after the thought"


def test_a_begun_answer_is_not_cut_off() -> None:
    begun = Response("r", "p", "four and", BEGUN, {})
    assert cut_off(begun) is None
