"""Pairs of which an estimator is certain are drawn rather, and no label is smoothed past half."""

import json
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import Uncertainty
from schemas import content_id

VALUES = st.sampled_from([0.0, 0.5, -1.0, 30.0, -30.0, None])


def bits(p):
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


def slowly(world, keep, smoothing, seed):
    """The weight of each pair kept, and the reason of each that is not."""
    lots, gains, weights, reasons = [], {}, {}, {}
    for pair in world["pairs"].to_dicts():
        passes = {}
        for row in world["one"].to_dicts():
            if row["value"] is not None:
                passes.setdefault(row["annotator"], {})[row["response_id"]] = row["value"]
        chances = [
            1 / (1 + math.exp(scored[pair["rejected_id"]] - scored[pair["chosen_id"]]))
            for scored in passes.values()
            if {pair["chosen_id"], pair["rejected_id"]} <= set(scored)
        ]
        if len(chances) < 2:
            reasons[pair["pair_id"]] = "scored by fewer than two passes"
            continue
        mean = sum(chances) / len(chances)
        gain = min(max(bits(mean) - sum(map(bits, chances)) / len(chances), 0.0), 1.0)
        gains[pair["pair_id"]] = round(bits(mean) - sum(map(bits, chances)) / len(chances), 12)
    largest = max(gains.values(), default=0)
    for pair, gain in gains.items():
        uncertainty = gain / largest if largest else 0.0
        drawn = (int(content_id(seed, pair)[:13], 16) + 0.5) / 16**13
        lots.append((-math.log(drawn) / (1 - uncertainty) if uncertainty < 1 else math.inf, pair))
        weights[pair] = pytest.approx(1 - smoothing * uncertainty)
    room = math.ceil(round(keep * len(lots), 6))
    for _, pair in sorted(lots)[room:]:
        reasons[pair] = "not drawn"
        del weights[pair]
    return weights, reasons


@given(
    data=st.data(),
    keep=st.sampled_from([0.1, 0.5, 1.0]),
    smoothing=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 3),
)
def test_equals_the_slow_version(data, keep, smoothing, seed, pairings):
    world = data.draw(pairings(VALUES, most=4))
    split = Uncertainty(of="pairs", by="one", keep=keep, smoothing=smoothing, seed=seed).run(world)
    weights, reasons = slowly(world, keep, smoothing, seed)
    assert dict(split.kept.select("pair_id", "weight").rows()) == weights
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(data, seed, pairings, shuffled, same_rows):
    world = data.draw(pairings(VALUES, most=4))
    certain = Uncertainty(of="pairs", by="one")
    one, other = certain.run(world), certain.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")
    assert one.kept.height + one.dropped.height == world["pairs"].height


def contradicting(certain, torn, paired):
    """So many pairs whose passes agree, and so many of which half say one thing, half the other."""
    agree = {f"w{n}": [2.0] * 4 for n in range(certain)} | {f"l{n}": [0.0] * 4 for n in range(torn)}
    sides = [(f"w{n}", "bad") for n in range(certain)] + [(f"l{n}", "odd") for n in range(torn)]
    return paired(sides, {"one": agree | {"bad": [0.0] * 4, "odd": [40.0, -40.0] * 2}})


def test_a_label_is_never_smoothed_past_one_half(paired):
    split = Uncertainty(of="pairs", by="one", keep=1.0, smoothing=0.49).run(
        contradicting(1, 1, paired)
    )
    sure, torn = split.kept["weight"]
    assert sure == pytest.approx(1.0)
    assert torn == pytest.approx(0.51)
    with pytest.raises(ValidationError, match=r"less than 0\.5"):
        Uncertainty(of="pairs", by="one", smoothing=0.5)


def test_pairs_that_contradict_themselves_are_drawn_last(paired):
    world = contradicting(5, 5, paired)
    split = Uncertainty(of="pairs", by="one", keep=0.5).run(world)
    assert split.kept["pair_id"].to_list() == [f"pair {number}" for number in range(5)]
    numbers = [json.loads(row) for row in split.dropped["numbers"]]
    assert {(row["passes"], round(row["gain"], 6), row["p"]) for row in numbers} == {(4, 1.0, 0.5)}


def test_a_pair_is_drawn_as_often_as_it_is_certain(paired):
    # One of the first two is drawn: the one of weight w with probability w / (w + 1). The third is
    # as uncertain as can be, and has none.
    world = paired(
        [("a", "b"), ("c", "d"), ("e", "f")],
        {
            "one": {
                **{"a": [3.0, -3.0], "b": [0.0, 0.0], "c": [1.0, 1.0], "d": [0.0, 0.0]},
                **{"e": [90.0, -90.0], "f": [0.0, 0.0]},
            }
        },
    )
    drawn = [
        Uncertainty(of="pairs", by="one", keep=0.3, seed=seed).run(world).kept["pair_id"][0]
        for seed in range(200)
    ]
    certain = bits(1 / (1 + math.exp(3)))
    assert drawn.count("pair 0") / 200 == pytest.approx(certain / (certain + 1), abs=0.06)
    assert "pair 2" not in drawn


def test_small_gains_count_as_large_ones_do(paired):
    # What is dropped out sets the size of all gains, not which pair is the surer.
    world = paired(
        [("a", "b"), ("c", "d")],
        {"one": {"a": [0.01, -0.01], "b": [0.0, 0.0], "c": [1.0, 1.0], "d": [0.0, 0.0]}},
    )
    kept = Uncertainty(of="pairs", by="one", keep=1.0, smoothing=0.4).run(world).kept
    assert kept["weight"].to_list() == [pytest.approx(0.6), pytest.approx(1.0)]


def test_steps_and_unreadable_passes_do_not_count(paired):
    world = paired([("a", "b")], {"one": {"a": [1.0, None, 1.0], "b": [0.0, 0.0, 0.0]}})
    steps = world["one"].with_columns(step=pl.lit(0, pl.Int32), annotator=pl.lit("step"))
    scores = pl.concat([world["one"], steps.unique("response_id", maintain_order=True)])
    split = Uncertainty(of="pairs", by="one", keep=1.0).run(world | {"one": scores})
    assert split.kept["weight"].to_list() == [pytest.approx(1.0)]
    only = world["one"].filter(pl.col("annotator") != "pass 2")
    split = Uncertainty(of="pairs", by="one", keep=1.0).run(world | {"one": only})
    assert split.dropped["reason"].to_list() == ["scored by fewer than two passes"]
