"""LowestStep: the step to blame, or the reason why there is none."""

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import LowestStep
from schemas import Split
from tests.filters.stepwise import Told, mean_scores

Rule = Literal["value", "advantage"]
shares = st.sampled_from([0.0, 0.125, 0.25, 0.5, 1.0])


def lowest(rule: Rule, values: Sequence[float | None], **others: Told) -> Split:
    """Of the values of response ``a``'s prefixes, the empty one's first."""
    told: Told = {step: [value] for step, value in enumerate(values, start=-1)}
    return LowestStep(of="scores", lowest=rule).run(mean_scores({"scores": {"a": told, **others}}))


def reasons(split: Split) -> dict[str, str]:
    return dict(split.dropped.select("row_id", "reason").iter_rows())


@pytest.mark.parametrize(
    ("values", "pit", "drop"),
    [
        ([0.5, 0.5, 0.0, 0.0], 1, 1),
        ([0.5, 0.25, 0.25, 0.125, 0.0], 3, 0),
        ([0.75, 0.5, 0.25, 0.0], 2, 0),
        # Differences that are equal, and not so in floats.
        ([0.8, 0.7, 0.6, 0.5], 2, 0),
        ([0.25, 1.0, 0.0, 0.5, 0.0], 1, 1),
        ([1.0, 0.0], 0, 0),
    ],
)
def test_the_first_of_the_lowest_is_it(values: list[float], pit: int, drop: int) -> None:
    assert lowest("value", values).kept.select("step", "value").rows() == [(None, pit)]
    assert lowest("advantage", values).kept["value"].to_list() == [drop]


@given(st.lists(shares, min_size=2, max_size=6), st.sampled_from(["value", "advantage"]))
def test_it_is_that_of_a_slow_search(values: list[float], rule: Rule) -> None:
    start, *after = values
    gains = [later - before for before, later in zip(values, after, strict=False)]
    blamed, bound = (gains, 0.0) if rule == "advantage" else (after, start)
    split = lowest(rule, values)
    if min(blamed) < bound:
        assert split.kept["value"].to_list() == [blamed.index(min(blamed))]
        assert split.dropped.is_empty()
    else:
        assert split.kept.is_empty()
        assert reasons(split) == {"a": "no step lowers the value"}


@pytest.mark.parametrize("rule", ["value", "advantage"])
@pytest.mark.parametrize(
    ("told", "reason"),
    [
        # No rollout of the prompt ever ends right, or all do.
        ({-1: [0.0], 0: [0.0], 1: [0.0]}, "no step lowers the value"),
        ({-1: [1.0], 0: [1.0]}, "no step lowers the value"),
        ({-1: [0.5], 0: [None], 1: [0.0]}, "a prefix's value is an error"),
        ({0: [0.5], 1: [0.0]}, "not every prefix is valued"),
        ({-1: [0.5], 1: [0.0]}, "not every prefix is valued"),
        ({-1: [0.5]}, "not every prefix is valued"),
        ({None: [1.0]}, "not every prefix is valued"),
    ],
)
def test_without_a_step_to_blame_a_response_is_dropped(rule: Rule, told: Told, reason: str) -> None:
    split = lowest(rule, [0.5, 0.0], b=told)
    assert split.kept["response_id"].to_list() == ["a"]
    assert reasons(split) == {"b": reason}


def test_a_score_of_the_whole_is_not_read() -> None:
    told: Told = {-1: [0.5], 0: [0.25], None: [7.0]}
    split = LowestStep(of="scores").run(mean_scores({"scores": {"a": told}}))
    assert split.kept["value"].to_list() == [0.0]
