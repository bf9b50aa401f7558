"""Best against worst: one pair a prompt, or a reason why there is none."""

import json
import math
import statistics

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from filters import BestWorst
from schemas import content_id, named_rows

best_worst = BestWorst(of="responses", by="scores")


def slowly(world, min_margin=0.0, min_standard_margin=0.0, against="worst", penalty=0.0):
    """What `BestWorst` says it does, one prompt at a time: pairs and reasons by prompt."""
    pairs, reasons = {}, {}
    means = []
    for scores in world["scores"].partition_by("response_id"):
        votes = [value for value in scores["value"] if value is not None]
        means += [float(f"{math.fsum(votes) / len(votes):.12g}")] if votes else []
    floor = min_standard_margin * statistics.pstdev(means) if means else 0.0
    for prompt in world["responses"]["prompt_id"].unique():
        scored = []
        for response in world["responses"].filter(pl.col("prompt_id") == prompt).to_dicts():
            votes = world["scores"].filter(pl.col("response_id") == response["response_id"])
            votes = [value for value in votes["value"] if value is not None]
            if votes:
                value = float(f"{math.fsum(votes) / len(votes):.12g}")
                tie_break = content_id(0, response["response_id"])
                value -= penalty * len(response["text"])
                scored.append((value, tie_break, response["response_id"], response["text"]))
        if len(scored) < 2:
            reasons[prompt] = "fewer than two scored responses"
            continue
        best = min(scored, key=lambda r: (-r[0], r[1]))
        others = [one for one in scored if one != best]
        if against == "worst":
            worst = min(scored, key=lambda r: (r[0], r[1]))
        elif against == "second":
            worst = min(others, key=lambda r: (-r[0], r[1]))
        else:
            worst = min(others, key=lambda r: content_id(1, r[2]))
        if best[0] == worst[0]:
            reasons[prompt] = "all equal" if against == "worst" else "equal scores"
        elif best[0] - worst[0] < min_margin:
            reasons[prompt] = "margin below min_margin"
        elif best[0] - worst[0] < floor:
            reasons[prompt] = "margin below min_standard_margin"
        elif best[3].strip() == worst[3].strip():
            reasons[prompt] = "same text"
        else:
            pairs[prompt] = (best[2], worst[2], best[0] - worst[0])
    return pairs, reasons


@given(
    data=st.data(),
    min_margin=st.sampled_from([0.0, 0.25]),
    standard=st.sampled_from([0.0, 0.7, 1.9]),
    against=st.sampled_from(["worst", "second", "random"]),
    penalty=st.sampled_from([0.0, 0.5]),
)
def test_equals_the_slow_version(data, min_margin, standard, against, penalty, worlds):
    world = data.draw(worlds)
    split = BestWorst(
        of="responses",
        by="scores",
        against=against,
        length_penalty=penalty,
        min_margin=min_margin,
        min_standard_margin=standard,
    ).run(world)
    pairs, reasons = slowly(world, min_margin, standard, against, penalty)
    kept = split.kept.select("prompt_id", "chosen_id", "rejected_id", "margin").rows()
    assert {row[0]: row[1:] for row in kept} == pairs
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(data, seed, worlds, shuffled, same_rows):
    world = data.draw(worlds)
    one, other = best_worst.run(world), best_worst.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")


@given(data=st.data())
def test_every_prompt_is_kept_or_dropped(data, worlds):
    world = data.draw(worlds)
    split = best_worst.run(world)
    came_in = set(world["responses"]["prompt_id"])
    assert sorted([*split.kept["prompt_id"], *split.dropped["row_id"]]) == sorted(came_in)


def test_the_pair_says_what_was_asked_and_answered(world):
    split = best_worst.run(world({"p": [("bad", [0.0]), ("middle", [0.5]), ("good", [1.0])]}))
    (pair,) = named_rows(split.kept)
    assert pair["prompt"] == [{"role": "user", "content": "question p"}]
    assert pair["chosen"] == [{"role": "assistant", "content": "good"}]
    assert pair["rejected"] == [{"role": "assistant", "content": "bad"}]
    assert (pair["margin"], pair["weight"]) == (1.0, 1.0)


def test_numbers_tell_unreadable_scores_from_low_ones(world):
    split = best_worst.run(world({"p": [("a", [None]), ("b", [0.0]), ("c", [None])]}))
    (row,) = split.dropped.to_dicts()
    assert row["reason"] == "fewer than two scored responses"
    assert json.loads(row["numbers"])["errors"] == 2


def test_a_prompt_that_is_not_there_is_said(world):
    made = world({"p": [("a", [0.0]), ("b", [1.0])]})
    split = best_worst.run(made | {"prompts": made["prompts"].clear()})
    assert split.dropped["reason"].to_list() == ["prompt not found"]


def test_opinions_of_single_steps_are_not_opinions_of_the_response(world):
    made = world({"p": [("a", [0.0]), ("b", [1.0])]})
    steps = made["scores"].with_columns(step=pl.lit(0, pl.Int32), value=1 - pl.col("value"))
    split = best_worst.run(made | {"scores": pl.concat([made["scores"], steps])})
    assert split.kept["chosen_id"].to_list() == ["p-1"]
