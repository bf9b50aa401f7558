"""Each pair is treated by how strongly an ensemble prefers its chosen side."""

import json
import math
import statistics

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import PreferenceStrength

VALUES = st.sampled_from([0.0, 0.3, 1.0, 2.0, None])
ENSEMBLE = ["one", "two", "three"]
ACTIONS = st.sampled_from(["keep", "flip", "soften", "drop", "margin"])


def strengths(world, pair):
    """The margin of each member that scored both sides, in its own standard deviations."""
    margins = []
    for member in ENSEMBLE:
        values = {
            row["response_id"]: row["value"]
            for row in world[member].to_dicts()
            if row["value"] is not None
        }
        if {pair["chosen_id"], pair["rejected_id"]} <= set(values):
            spread = statistics.pstdev(values.values())
            apart = values[pair["chosen_id"]] - values[pair["rejected_id"]]
            margins.append(apart / spread if spread else 0.0)
    return margins


def slowly(world, actions):
    """Chosen id, weight and margin of each pair kept, and the reason of each that is not."""
    kept, reasons = {}, {}
    for pair in world["pairs"].to_dicts():
        margins = strengths(world, pair)
        if len(margins) < 2:
            reasons[pair["pair_id"]] = "scored by fewer than two members"
            continue
        strength = statistics.fmean(margins)
        band = "wrong" if strength < -0.51 else "ambiguous" if strength < 0.51 else "strong"
        action = actions[band]
        if action == "drop":
            reasons[pair["pair_id"]] = f"label is {band}"
            continue
        kept[pair["pair_id"]] = (
            pair["rejected_id" if action == "flip" else "chosen_id"],
            pytest.approx(1 / (1 + math.exp(-strength)) if action == "soften" else pair["weight"]),
            pytest.approx(strength) if action == "margin" else None,
        )
    return kept, reasons


@given(data=st.data(), wrong=ACTIONS, ambiguous=ACTIONS, strong=ACTIONS)
def test_equals_the_slow_version(data, wrong, ambiguous, strong, pairings):
    world = data.draw(pairings(VALUES))
    actions = {"wrong": wrong, "ambiguous": ambiguous, "strong": strong}
    split = PreferenceStrength(
        of="pairs", by=ENSEMBLE, wrong_below=-0.51, ambiguous_below=0.51, **actions
    ).run(world)
    kept, reasons = slowly(world, actions)
    columns = split.kept.select("pair_id", "chosen_id", "weight", "margin").rows()
    assert {row[0]: row[1:] for row in columns} == kept
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(data, seed, pairings, shuffled, same_rows):
    world = data.draw(pairings(VALUES))
    strength = PreferenceStrength(of="pairs", by=ENSEMBLE)
    one, other = strength.run(world), strength.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")
    assert one.kept.height + one.dropped.height == world["pairs"].height


def test_what_was_dropped_shows_mean_and_spread(paired):
    views = {"one": {"a": [0.0], "b": [1.0]}, "two": {"a": [5.0], "b": [-5.0]}}
    split = PreferenceStrength(of="pairs", by=["one", "two"], ambiguous="drop").run(
        paired([("a", "b")], views)
    )
    (row,) = split.dropped.to_dicts()
    assert row["reason"] == "label is ambiguous"
    assert json.loads(row["numbers"]) == {
        "members": 2,
        "strength": pytest.approx(0.0),
        "spread": pytest.approx(2.0),
    }


def test_a_member_that_scores_everything_the_same_prefers_neither(paired):
    views = {"one": {"a": [1.0], "b": [0.0]}, "two": {"a": [3.0], "b": [3.0]}}
    split = PreferenceStrength(of="pairs", by=["one", "two"]).run(paired([("a", "b")], views))
    assert split.kept["margin"].to_list() == [pytest.approx(1.0)]


def test_no_answer_that_was_cut_off_becomes_the_chosen_one(paired):
    views = {view: {"a": [0.0], "b": [1.0]} for view in ("one", "two")}
    tables = paired([("a", "b")], views)
    ends = pl.struct(chosen=pl.lit(value=True), rejected=pl.lit(value=False))
    tables["pairs"] = tables["pairs"].with_columns(ends=ends)

    def run(cut):
        return PreferenceStrength(of="pairs", by=["one", "two"], cut=cut).run(tables)

    (dropped,) = run("refuse").dropped.to_dicts()
    assert dropped["reason"] == "the answer that would be chosen was cut off"
    assert run("keep").kept["ends"].to_list() == [{"chosen": False, "rejected": True}]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"by": ["one"]}, "at least 2"),
        ({"by": ["one", "one"]}, "names a stage twice"),
        ({"by": ENSEMBLE, "wrong_below": 1.0}, "must not be above 'ambiguous_below'"),
    ],
)
def test_what_does_not_fit_is_refused(parameters, says):
    with pytest.raises(ValidationError, match=says):
        PreferenceStrength(of="pairs", **parameters)
