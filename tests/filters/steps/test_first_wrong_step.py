"""FirstWrongStep: the first step below the bound, or the reason why it is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import FirstWrongStep
from tests.filters.stepwise import Told, mean_scores

shares = st.sampled_from([0.0, 0.25, 0.5, 1.0])


@given(st.lists(shares, min_size=1, max_size=6), shares)
def test_it_is_that_of_a_slow_search(values: list[float], below: float) -> None:
    expected = -1
    for index, value in enumerate(values):
        if value < below:
            expected = index
            break
    told: Told = {None: [9.0], -1: [0.0]} | {step: [one] for step, one in enumerate(values)}
    split = FirstWrongStep(of="scores", below=below).run(mean_scores({"scores": {"a": told}}))
    assert split.kept.select("response_id", "step", "value").rows() == [("a", None, expected)]
    assert split.dropped.is_empty()


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({0: [0.9], 2: [0.1]}, "not every step has one score"),
        ({None: [1.0]}, "not every step has one score"),
        ({0: [0.1], 1: [None]}, "a step's score is an error"),
    ],
)
def test_without_a_score_of_each_step_a_response_is_dropped(told: Told, reason: str) -> None:
    scores = mean_scores({"scores": {"a": {0: [0.7], 1: [0.2]}, "b": told}})
    split = FirstWrongStep(of="scores").run(scores)
    assert split.kept.select("response_id", "value").rows() == [("a", 1.0)]
    assert split.dropped.select("row_id", "reason").rows() == [("b", reason)]
