"""Responses within bounds; an unreadable score is not a low one."""

import json
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import Threshold

bounds = st.sampled_from([None, -2.5, 0.0, 0.15, 0.2, 1.0])


@given(data=st.data(), low=bounds, high=bounds)
def test_equals_the_slow_version(data, low, high, worlds):
    if (low is None and high is None) or (None not in (low, high) and low > high):
        return
    world = data.draw(worlds)
    split = Threshold(of="responses", by="scores", at_least=low, at_most=high).run(world)
    kept, reasons = [], {}
    for response in world["responses"]["response_id"]:
        votes = world["scores"].filter(pl.col("response_id") == response)["value"]
        read = [value for value in votes if value is not None]
        value = float(f"{math.fsum(read) / len(read):.12g}") if read else None
        if value is None:
            reasons[response] = "score is an error" if len(votes) else "no score"
        elif low is not None and value < low:
            reasons[response] = "below at_least"
        elif high is not None and value > high:
            reasons[response] = "above at_most"
        else:
            kept.append(response)
    assert split.kept["response_id"].to_list() == kept
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


def test_kept_rows_are_untouched(world):
    made = world({"p": [("a", [0.0]), ("b", [1.0])]})
    split = Threshold(of="responses", by="scores", at_least=0.5).run(made)
    assert split.kept.equals(made["responses"].slice(1))
    assert json.loads(split.dropped["numbers"][0])["value"] == 0.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [({}, "needs 'at_least'"), ({"at_least": 1, "at_most": 0}, "must not be above")],
)
def test_bounds_that_say_nothing_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Threshold(of="responses", by="scores", **fields)
