"""Next steps: lines or plans, merged, and told from the end of the answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.model import SampledText
from engines.protocol import Sampling
from generators.search.proposer import first_line, first_paragraph, first_plan, merged, planned


def written(*texts: str) -> list[SampledText]:
    return [
        SampledText(text, (1,), (0.0,), "stop", "m", Sampling(), n) for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("text", "step", "ended"),
    [
        ("a\nb", "a\n", False),
        ("a\n\nb", "a\n\n", False),
        ("\n a\nb", "\n a\n", False),
        ("a", "a", True),
        ("a\n", "a\n", True),
        ("", "", True),
        (" \n", "", True),
    ],
)
def test_a_step_is_a_line_with_its_newline(text: str, step: str, ended: bool) -> None:
    assert first_line(text) == (step, ended)


@pytest.mark.parametrize(
    ("text", "step", "ended"),
    [
        ("Doubles: 2 x 2 = 4.\nAnswer: 4", "Doubles:", False),
        ("Answer: 4", "Answer:", False),
        ("Answer:", "Answer:", True),
        ("no plan at all\nAnswer: 4", "no plan at all\n", False),
        ("so", "so", True),
    ],
)
def test_a_plan_ends_with_its_colon(text: str, step: str, ended: bool) -> None:
    assert first_plan(text) == (step, ended)


def test_a_plan_is_carried_out_once() -> None:
    assert planned("Doubles:")
    assert planned("a: b\n Doubles:")
    assert not planned("Doubles: 2 x 2 = 4.\n")
    assert not planned("")


@given(st.text(alphabet="ab:\n ", max_size=20))
def test_steps_are_the_beginning_of_what_was_written(text: str) -> None:
    for cut in (first_line, first_plan):
        step, ended = cut(text)
        assert text.startswith(step)
        assert not ended or step == text or not step
        assert step.strip() == step.strip().strip("\n")


def test_equal_steps_are_one_with_their_share_and_empty_ones_none() -> None:
    found = merged(written("a\nx", "b", "a\ny", "", "  \n"), first_line)
    assert [(one.step, one.share, one.ended) for one in found] == [
        ("a\n", 0.4, False),
        ("b", 0.2, True),
    ]
    assert [one.seed for one in found] == [0, 1]


def test_a_step_that_some_end_with_is_gone_on_with() -> None:
    (found,) = merged(written("Answer:", "Answer: 4"), first_plan)
    assert (found.step, found.ended) == ("Answer:", False)
    (found,) = merged(written("a", "a"), first_line)
    assert found.ended


def test_nothing_written_is_nothing_proposed() -> None:
    nothing: list[Any] = merged(written("", "\n"), first_line)
    assert nothing == []


def test_a_step_may_be_a_paragraph() -> None:
    assert first_paragraph("One line\nand another.\n\nThe next.") == (
        "One line\nand another.\n\n",
        False,
    )
    assert first_paragraph("All of it.") == ("All of it.", True)
