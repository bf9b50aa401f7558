"""Responses by rank against a slow version, one prompt at a time."""

import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import ByRank

ANSWERS = {
    "p": [("a", [0.1]), ("b", [0.9]), ("c", [0.5]), ("d", [0.3]), ("e", [0.7])],
    "q": [("f", [1.0]), ("g", [0.0])],
}


def kept(tables, **options):
    split = ByRank(of="responses", by="scores", **options).run(tables)
    return set(split.kept["text"])


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"keep": "best"}, "bf"),
        ({"keep": "best_worst"}, "bafg"),
        ({"keep": "outside", "band": [0.25, 0.75]}, "bafg"),
        ({"keep": "outside", "band": [0.3, 0.6]}, "beda" + "fg"),
        ({"keep": "outside", "band": [1.0, 1.0]}, "becd" + "f"),
    ],
)
def test_ranks_are_kept(world, options, texts):
    assert kept(world(ANSWERS), **options) == set(texts)


def test_a_random_one_beside_the_best_depends_on_the_seed(world):
    tables = world(ANSWERS)
    drawn = [kept(tables, keep="best_random", seed=seed) for seed in range(20)]
    assert all({"b", "f", "g"} <= texts and len(texts) == 4 for texts in drawn)
    assert {text for texts in drawn for text in texts} == set("abcdefg")
    assert drawn[0] == kept(tables, keep="best_random")


def by_hand(tables, keep, band):
    """The scores that are kept of each prompt, sorted; random ones are left out."""
    values = {}
    for row in tables["scores"].iter_rows(named=True):
        values.setdefault(row["response_id"], []).append(row["value"])
    of_prompt = {}
    for row in tables["responses"].iter_rows(named=True):
        told = [value for value in values.get(row["response_id"], []) if value is not None]
        if told:
            of_prompt.setdefault(row["prompt_id"], []).append(round(statistics.mean(told), 9))
    expected = {}
    for prompt, scores in of_prompt.items():
        scores.sort(reverse=True)
        if len(scores) == 1:
            continue
        if keep == "outside":
            last = len(scores) - 1
            some = [s for i, s in enumerate(scores) if not band[0] <= i / last <= band[1]]
        else:
            some = {"best": scores[:1], "best_worst": [scores[0], scores[-1]]}[keep]
        if some:
            expected[prompt] = sorted(some)
    return expected


@given(st.data(), st.sampled_from(["best", "best_worst", "outside"]), st.integers(0, 3))
def test_it_agrees_with_a_slow_version_in_any_order(worlds, shuffled, data, keep, seed):
    tables = data.draw(worlds)
    band = [0.2, 0.7] if keep == "outside" else None
    chosen = ByRank(of="responses", by="scores", keep=keep, band=band, seed=seed)
    split = chosen.run(tables)
    means = {}
    for row in tables["scores"].filter(~tables["scores"]["value"].is_null()).iter_rows(named=True):
        means.setdefault(row["response_id"], []).append(row["value"])
    found = {}
    for row in split.kept.iter_rows(named=True):
        value = round(statistics.mean(means[row["response_id"]]), 9)
        found.setdefault(row["prompt_id"], []).append(value)
    assert {prompt: sorted(some) for prompt, some in found.items()} == by_hand(tables, keep, band)
    assert split.kept.height + split.dropped.height == tables["responses"].height
    again = chosen.run(shuffled(tables, 1))
    assert set(again.kept["response_id"]) == set(split.kept["response_id"])


def test_r_squared_of_the_truth_is_reported_and_changes_no_choice(world):
    tables = world({"p": [(str(v), [v]) for v in (0.0, 1.0, 2.0, 3.0)], "q": [("x", [5.0])]})
    truths = {"p": [(str(v), [t]) for v, t in enumerate([0.0, 1.0, 0.0, 1.0])], "q": [("x", [0])]}
    tables["truth"] = world(truths)["scores"]
    rule = ByRank(of="responses", by="scores", keep="best_worst", truth="truth")
    split = rule.run(tables)
    assert split.kept.equals(
        ByRank(of="responses", by="scores", keep="best_worst").run(tables).kept
    )
    # Of the kept, 0 has the truth 0 and 3 the truth 1: a line goes through both.
    told = split.report.findings
    assert told["R² of truth and score, kept"] == pytest.approx(1.0)
    x, y = [0, 1, 2, 3, 5], [0, 1, 0, 1, 0]
    assert told["R² of truth and score, all"] == pytest.approx(statistics.correlation(x, y) ** 2)


def test_r_squared_without_a_spread_is_none(world):
    tables = world({"p": [("a", [1.0]), ("b", [1.0])]})
    rule = ByRank(of="responses", by="scores", keep="best", truth="scores")
    assert set(rule.run(tables).report.findings.values()) == {None}


def test_dropped_responses_say_why(world):
    tables = world({"p": [("a", [0.1]), ("b", [0.9]), ("c", [None])], "q": [("d", [1.0])]})
    dropped = ByRank(of="responses", by="scores", keep="best").run(tables).dropped
    assert dict(dropped.select("row_id", "reason").iter_rows()) == {
        "p-0": "rank not kept",
        "p-2": "no score",
        "q-0": "no other response of its prompt has a score",
    }
    assert json.loads(dropped["numbers"][0]) == {"rank": 2, "score": 0.1, "scored": 2}


@pytest.mark.parametrize(
    "options",
    [
        {"keep": "outside"},
        {"keep": "best", "band": [0, 1]},
        {"keep": "outside", "band": [0.8, 0.2]},
    ],
)
def test_a_band_belongs_to_one_rule(options):
    with pytest.raises(ValidationError, match="band"):
        ByRank(of="responses", by="scores", **options)
