"""Versus: the best of one author against the worst of another, and every prompt accounted for."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import Versus
from schemas import content_id, named_rows


def opponent(world):
    """The same world with other authors: its responses and scores under other ids."""
    renamed = pl.format("x{}", pl.col("response_id")).alias("response_id")
    return {
        "theirs": world["responses"].with_columns(renamed),
        "their_scores": world["scores"].with_columns(renamed),
    }


def side(world, stage, by, prompt, *, highest):
    """The response that stands for a side: (value, lot, id, text), or None."""
    found = []
    for response in world[stage].filter(pl.col("prompt_id") == prompt).to_dicts():
        tie_break = content_id(0, response["response_id"])
        if by is None:
            found.append((0.0, tie_break, response["response_id"], response["text"]))
            continue
        votes = world[by].filter(pl.col("response_id") == response["response_id"])["value"]
        votes = [value for value in votes if value is not None]
        if votes:
            value = float(f"{math.fsum(votes) / len(votes):.12g}")
            found.append((value, tie_break, response["response_id"], response["text"]))
    return min(found, key=lambda r: (-r[0] if highest else r[0], r[1]), default=None)


def slowly(world, versus):
    """What `Versus` says it does, one prompt at a time: pairs and reasons by prompt."""
    pairs, reasons = {}, {}
    for prompt in world[versus.of]["prompt_id"].unique():
        best = side(world, versus.of, versus.by, prompt, highest=True)
        worst = side(world, versus.against, versus.against_by, prompt, highest=False)
        margin = best and worst and best[0] - worst[0]
        if versus.by is None or versus.against_by is None:
            margin = None
        if best is None:
            reasons[prompt] = f"no {'scored ' if versus.by else ''}response in {versus.of}"
        elif worst is None:
            kind = "scored response" if versus.against_by else "response"
            reasons[prompt] = f"no {kind} in {versus.against}"
        elif versus.at_least is not None and best[0] < versus.at_least:
            reasons[prompt] = "best score below at_least"
        elif margin is not None and margin <= 0:
            reasons[prompt] = "chosen not above rejected"
        elif margin is not None and margin < versus.min_margin:
            reasons[prompt] = "margin below min_margin"
        elif best[3].strip() == worst[3].strip():
            reasons[prompt] = "same text"
        else:
            pairs[prompt] = (best[2], worst[2], margin)
    return pairs, reasons


VERSUS = [
    Versus(of="responses", against="theirs"),
    Versus(of="responses", against="theirs", by="scores"),
    Versus(of="responses", against="theirs", against_by="their_scores"),
    Versus(of="responses", against="theirs", by="scores", against_by="their_scores"),
    Versus(
        of="responses",
        against="responses",
        by="scores",
        against_by="scores",
        at_least=0.2,
        min_margin=0.25,
    ),
]


@given(data=st.data(), versus=st.sampled_from(VERSUS))
def test_equals_the_slow_version(data, versus, worlds):
    world = data.draw(worlds)
    # Prompts of either side alone are there too.
    world |= opponent(data.draw(worlds))
    split = versus.run(world)
    pairs, reasons = slowly(world, versus)
    kept = split.kept.select("prompt_id", "chosen_id", "rejected_id", "margin").rows()
    assert {row[0]: row[1:] for row in kept} == pairs
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9), versus=st.sampled_from(VERSUS))
def test_order_of_rows_changes_nothing(data, seed, versus, worlds, shuffled, same_rows):
    world = data.draw(worlds)
    world |= opponent(world)
    one, other = versus.run(world), versus.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")


def test_a_lot_is_drawn_anew_with_another_seed(world):
    made = world({"p": [(str(n), []) for n in range(12)]})
    made |= opponent(made)
    drawn = {
        Versus(of="responses", against="theirs", seed=seed).run(made).kept["chosen_id"][0]
        for seed in range(8)
    }
    assert len(drawn) > 3


def test_the_pair_says_what_was_asked_and_answered(world):
    made = world({"p": [("right", [])]})
    made["theirs"] = world({"p": [("wrong", [])]})["responses"]
    (pair,) = named_rows(Versus(of="responses", against="theirs").run(made).kept)
    assert pair["prompt"] == [{"role": "user", "content": "question p"}]
    assert pair["chosen"] == [{"role": "assistant", "content": "right"}]
    assert pair["rejected"] == [{"role": "assistant", "content": "wrong"}]
    assert (pair["margin"], pair["weight"]) == (None, 1.0)


def test_limits_without_scores_are_refused():
    with pytest.raises(ValidationError, match="at_least is of the chosen side's scores"):
        Versus(of="a", against="b", at_least=1.0)
    with pytest.raises(ValidationError, match="name both stages"):
        Versus(of="a", against="b", by="c", min_margin=1.0)
