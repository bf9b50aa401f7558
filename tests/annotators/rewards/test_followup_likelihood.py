"""FollowupLikelihood: what the user is likely to say next."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from annotators import FollowupLikelihood
from annotators.rewards.followup_likelihood import contrast
from engines.protocol import Scored
from generators import Sample

THANKS, COMPLAINTS = ("Thank you.", "Yes!"), ("That is wrong.",)
LOGPROBS = st.lists(st.floats(-50, 0), min_size=1, max_size=6)


def scored(values: list[float]) -> Scored:
    return Scored(tuple(range(len(values))), tuple(values))


def tables(stand: Any) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("What is it?", "And now?")
    responses = Sample(n=3).run({"prompts": prompts}, stand.context()).kept
    stand.asked.clear()
    return {"prompts": prompts, "responses": responses}


def rewarder(**changes: Any) -> FollowupLikelihood:
    return FollowupLikelihood(positive=THANKS, negative=COMPLAINTS, probes="off", **changes)


def test_follow_ups_are_scored_after_the_dialogue_without_their_end(stand: Any) -> None:
    made = tables(stand)
    found = rewarder().run(made, stand.context()).kept
    assert found["response_id"].to_list() == made["responses"]["response_id"].to_list()
    assert set(found["annotator"]) == {"followup_likelihood"}
    texts = dict(made["responses"].select("text", "prompt_id").rows())
    for text in texts:
        said = [(each, end) for _, prompt, each, end in stand.asked if text in prompt]
        assert said == [(each, False) for each in (*THANKS, *COMPLAINTS)]


def test_sides_traded_turn_the_reward_round(stand: Any) -> None:
    made = tables(stand)
    there = rewarder().run(made, stand.context()).kept["value"].to_list()
    back = FollowupLikelihood(positive=COMPLAINTS, negative=THANKS, probes="off")
    found = back.run(made, stand.context()).kept["value"].to_list()
    assert found == pytest.approx([-value for value in there])


@given(positive=st.lists(LOGPROBS, min_size=1), negative=st.lists(LOGPROBS, min_size=1))
def test_it_is_mean_over_mean_of_means(
    positive: list[list[float]], negative: list[list[float]]
) -> None:
    def slow(side: list[list[float]]) -> float:
        return sum(sum(values) / len(values) for values in side) / len(side)

    found = contrast([scored(one) for one in positive], [scored(one) for one in negative])
    assert math.isclose(found, slow(positive) - slow(negative), abs_tol=1e-9)


@pytest.mark.parametrize(
    ("positive", "negative", "told"),
    [
        ((), COMPLAINTS, "at least 1"),
        (THANKS, (" ",), "is empty"),
        (THANKS, ("Yes!",), "named twice"),
    ],
)
def test_follow_ups_that_say_nothing_are_refused(
    positive: tuple[str, ...], negative: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        FollowupLikelihood(positive=positive, negative=negative)
