"""Only pairs on whose winner the views agree are kept, and the winner is the chosen side."""

import json
import math
import statistics

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import ViewsAgreement

VALUES = st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0, None])


def read(world, view):
    """Each response's mean opinion."""
    mean_scores = {}
    for row in world[view].to_dicts():
        if row["value"] is not None:
            mean_scores.setdefault(row["response_id"], []).append(row["value"])
    return {response: statistics.fmean(values) for response, values in mean_scores.items()}


def sigmoid(margin):
    return 1 / (1 + math.exp(-margin))


def slowly(world, views, probabilities, at_least, max_entropy):
    """(chosen id, weight) of each pair kept, and the reason of each that is not."""
    kept, reasons = {}, {}
    for pair in world["pairs"].to_dicts():
        margins = []
        for view in (*views, *probabilities):
            values = read(world, view)
            if not {pair["chosen_id"], pair["rejected_id"]} <= set(values):
                continue
            sides = [values[pair["chosen_id"]], values[pair["rejected_id"]]]
            if view in probabilities:
                sides = [min(max(p, 1e-6), 1 - 1e-6) for p in sides]
                margins.append(math.log(sides[0] / (1 - sides[0]) * (1 - sides[1]) / sides[1]))
            else:
                spread = statistics.pstdev(values.values())
                margins.append((sides[0] - sides[1]) / spread if spread else 0.0)
        margins = [0.0 if abs(margin) < 1e-12 else margin for margin in margins]
        votes = [sum(margin > 0 for margin in margins), sum(margin < 0 for margin in margins)]
        p = statistics.fmean(map(sigmoid, margins)) if margins else 0.5
        weight = 1 - p if votes[1] > votes[0] else p
        entropy = -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)
        if len(margins) < at_least:
            reasons[pair["pair_id"]] = "scored by too few views"
        elif max(votes) < at_least or weight < 0.5:
            reasons[pair["pair_id"]] = "views disagree"
        elif entropy > max_entropy:
            reasons[pair["pair_id"]] = "views are unsure"
        else:
            winner = pair["rejected_id" if votes[1] > votes[0] else "chosen_id"]
            kept[pair["pair_id"]] = (winner, pytest.approx(weight))
    return kept, reasons


@given(data=st.data(), needed=st.sampled_from([2, 3]), max_entropy=st.sampled_from([1.0, 0.9]))
def test_equals_the_slow_version(data, needed, max_entropy, pairings):
    world = data.draw(pairings(VALUES, most=2))
    split = ViewsAgreement(
        of="pairs",
        views=["one", "two"],
        probabilities=["three"],
        at_least=needed,
        max_entropy=max_entropy,
    ).run(world)
    kept, reasons = slowly(world, ["one", "two"], ["three"], needed, max_entropy)
    found = {row[0]: row[1:] for row in split.kept.select("pair_id", "chosen_id", "weight").rows()}
    assert found == kept
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(data, seed, pairings, shuffled, same_rows):
    world = data.draw(pairings(VALUES, most=2))
    agree = ViewsAgreement(of="pairs", views=["one", "two"])
    one, other = agree.run(world), agree.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")
    assert one.kept.height + one.dropped.height == world["pairs"].height


def test_a_pair_that_the_views_label_otherwise_is_turned_round_whole(paired):
    world = paired(
        [("x", "y"), ("a", "b"), ("b", "a")],
        {view: {"a": [0.0], "b": [1.0]} for view in ("one", "two")},
    )
    came = world["pairs"].to_dicts()
    split = ViewsAgreement(of="pairs", views=["one", "two"]).run(world)
    turned, same = split.kept.to_dicts()
    assert turned["pair_id"] == came[1]["pair_id"]
    for side, other in (("chosen", "rejected"), ("rejected", "chosen")):
        assert turned[side] == came[1][other]
        assert turned[f"{side}_id"] == came[1][f"{other}_id"]
    assert turned["margin"] == -came[1]["margin"]
    assert turned["token_weights"] is None
    assert same["token_weights"] == came[2]["token_weights"]
    assert turned["weight"] == pytest.approx(sigmoid(2.0))
    assert same["weight"] == pytest.approx(sigmoid(2.0))


def test_token_weights_go_with_their_side(paired):
    views = {view: {"a": [0.0], "b": [1.0]} for view in ("one", "two")}
    split = ViewsAgreement(of="pairs", views=["one", "two"]).run(paired([("a", "b")], views))
    assert split.kept["token_weights"].to_list() == [{"chosen": [0.0, 1.0], "rejected": [0.0]}]


def test_what_was_dropped_shows_every_views_probability(paired):
    views = {"one": {"a": [0.0], "b": [1.0]}, "two": {"a": [1.0], "b": [0.0]}}
    split = ViewsAgreement(of="pairs", views=["one", "two"]).run(paired([("a", "b")], views))
    numbers = json.loads(split.dropped["numbers"][0])
    assert (numbers["chosen"], numbers["rejected"]) == (1, 1)
    assert numbers["p_one"] == pytest.approx(sigmoid(-2.0))
    assert numbers["p_two"] == pytest.approx(sigmoid(2.0))
    assert (numbers["p"], numbers["entropy"]) == (pytest.approx(0.5), pytest.approx(1.0))


def test_what_is_no_probability_is_refused(paired):
    views = {"one": {"a": [0.0], "b": [1.0]}, "two": {"a": [4.0], "b": [5.0]}}
    agree = ViewsAgreement(of="pairs", views=["one"], probabilities=["two"])
    with pytest.raises(ValueError, match=r"stage 'two' scored 4.0, which is not a probability"):
        agree.run(paired([("a", "b")], views))


def test_no_answer_that_was_cut_off_becomes_the_chosen_one(paired):
    views = {view: {"a": [0.0], "b": [1.0]} for view in ("one", "two")}
    tables = paired([("a", "b")], views)
    ends = pl.struct(chosen=pl.lit(value=True), rejected=pl.lit(value=False))
    tables["pairs"] = tables["pairs"].with_columns(ends=ends)

    def run(cut):
        return ViewsAgreement(of="pairs", views=["one", "two"], cut=cut).run(tables)

    (dropped,) = run("refuse").dropped.to_dicts()
    assert dropped["reason"] == "the answer that would be chosen was cut off"
    assert run("keep").kept["ends"].to_list() == [{"chosen": False, "rejected": True}]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"views": ["one"]}, "two different stages or more"),
        ({"views": ["one"], "probabilities": ["one"]}, "two different stages or more"),
        ({"views": ["one", "two"], "at_least": 1}, "more than half of the 2 views"),
        ({"views": ["one", "two"], "at_least": 3}, "no more than all"),
    ],
)
def test_what_cannot_be_an_agreement_is_refused(parameters, says):
    with pytest.raises(ValidationError, match=says):
        ViewsAgreement(of="pairs", **parameters)
