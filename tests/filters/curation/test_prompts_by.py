"""Prompts whose responses came to a value within bounds, or to the lowest values."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import PromptsBy

bounds = st.sampled_from([None, -2.5, 0.0, 0.25, 1.0])


@given(data=st.data(), low=bounds, high=bounds, lowest=st.sampled_from([None, 1, 2]))
def test_equals_the_slow_version(data, low, high, lowest, worlds):
    if low is high is lowest is None or (None not in (low, high) and low > high):
        return
    world = data.draw(worlds)
    chosen = PromptsBy(by="scores", at_least=low, at_most=high, lowest=lowest).run(world)
    values = {}
    for prompt in world["prompts"]["prompt_id"]:
        of_prompt = []
        own = world["responses"].filter(pl.col("prompt_id") == prompt)["response_id"]
        for response in own:
            votes = world["scores"].filter(pl.col("response_id") == response)["value"]
            read = [value for value in votes if value is not None]
            of_prompt += [math.fsum(read) / len(read)] if read else []
        values[prompt] = math.fsum(of_prompt) / len(of_prompt) if of_prompt else None
    fits = {
        prompt: value
        for prompt, value in values.items()
        if value is not None
        and (low is None or value >= low - 1e-9)
        and (high is None or value <= high + 1e-9)
    }
    kept = chosen.kept["prompt_id"].to_list()
    assert set(kept) <= fits.keys()
    assert len(kept) == (len(fits) if lowest is None else min(lowest, len(fits)))
    if kept and len(kept) < len(fits):
        left = [value for prompt, value in fits.items() if prompt not in kept]
        assert max(fits[prompt] for prompt in kept) <= min(left) + 1e-9
    dropped = dict(chosen.dropped.select("row_id", "reason").rows())
    assert dropped.keys() == values.keys() - set(kept)
    for prompt, reason in dropped.items():
        assert (reason == "no response has a score") == (values[prompt] is None)
        assert (reason == "not among the lowest") == (prompt in fits)


def test_hard_prompts_that_are_solved_at_times(world):
    made = world(
        {
            "never": [("a", [0.0]), ("b", [0.0])],
            "at times": [("a", [1.0]), ("b", [0.0]), ("c", [0.0]), ("d", [0.0])],
            "always": [("a", [1.0]), ("b", [1.0])],
        }
    )
    split = PromptsBy(by="scores", at_least=0.01, at_most=0.25).run(made)
    assert [each[0]["content"] for each in split.kept["messages"].to_list()] == [
        "question at times"
    ]
    assert set(split.dropped["reason"]) == {"below at_least", "above at_most"}


@pytest.mark.parametrize(
    ("bounds", "says"), [({}, "needs"), ({"at_least": 1.0, "at_most": 0.0}, "must not be above")]
)
def test_bounds_that_say_nothing(bounds, says):
    with pytest.raises(ValueError, match=says):
        PromptsBy(by="scores", **bounds)
