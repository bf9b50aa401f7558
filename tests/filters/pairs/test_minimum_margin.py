"""Pairs whose sides are far enough apart; no margin is not a small one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import MinimumMargin

VALUES = st.sampled_from([0.0, 0.5, 1.0, -2.0, None])


def slowly(world, at_least, by):
    kept, reasons = [], {}
    for pair in world["pairs"].to_dicts():
        margin = pair["margin"]
        if by is not None:
            sides = []
            for side in ("chosen_id", "rejected_id"):
                found = [
                    row["value"]
                    for row in world[by].to_dicts()
                    if row["response_id"] == pair[side] and row["value"] is not None
                ]
                sides.append(sum(found) / len(found) if found else None)
            margin = None if None in sides else sides[0] - sides[1]
        if margin is None:
            reasons[pair["pair_id"]] = "no margin"
        elif margin < at_least:
            reasons[pair["pair_id"]] = "margin below at_least"
        else:
            kept.append(pair["pair_id"])
    return kept, reasons


@given(
    data=st.data(),
    at_least=st.sampled_from([-1.0, 0.0, 0.2, 0.5]),
    by=st.sampled_from([None, "one"]),
)
def test_equals_the_slow_version(data, at_least, by, pairings):
    world = data.draw(pairings(VALUES, most=2))
    split = MinimumMargin(of="pairs", at_least=at_least, by=by).run(world)
    kept, reasons = slowly(world, at_least, by)
    assert split.kept["pair_id"].to_list() == kept
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(data, seed, pairings, shuffled, same_rows):
    world = data.draw(pairings(VALUES))
    far = MinimumMargin(of="pairs", at_least=0.5, by="two")
    one, other = far.run(world), far.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")


def test_kept_pairs_are_as_they_came_and_dropped_ones_show_their_margin(paired):
    world = paired([("a", "b"), ("c", "b")], {"one": {"a": [2.0], "b": [0.0], "c": [0.5]}})
    split = MinimumMargin(of="pairs", at_least=1.0, by="one").run(world)
    assert split.kept.equals(world["pairs"].head(1))
    assert json.loads(split.dropped["numbers"][0]) == {"margin": pytest.approx(0.5)}
