"""The best responses of a prompt become demonstrations."""

import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from filters import Best
from schemas import content_id, named_rows


def slowly(world, n, at_least):
    best, reasons = {}, {}
    for prompt in world["responses"]["prompt_id"].unique():
        scored = []
        for response in world["responses"].filter(pl.col("prompt_id") == prompt).to_dicts():
            votes = world["scores"].filter(pl.col("response_id") == response["response_id"])
            read = [value for value in votes["value"] if value is not None]
            if read:
                value = float(f"{math.fsum(read) / len(read):.12g}")
                tie_break = content_id(0, response["response_id"])
                scored.append((-value, tie_break, response))
        enough = [row for row in sorted(scored, key=lambda r: r[:2]) if -row[0] >= at_least]
        taken, seen = [], set()
        for _, _, response in enough:
            if response["text"].strip() not in seen and len(taken) < n:
                seen.add(response["text"].strip())
                taken.append(response["response_id"])
        if taken:
            best[prompt] = taken
        else:
            reasons[prompt] = "best score below at_least" if scored else "no scored response"
    return best, reasons


@given(data=st.data(), n=st.integers(1, 3), at_least=st.sampled_from([None, 0.15, 1.0]))
def test_equals_the_slow_version(data, n, at_least, worlds):
    world = data.draw(worlds)
    split = Best(of="responses", by="scores", n=n, at_least=at_least).run(world)
    best, reasons = slowly(world, n, float("-inf") if at_least is None else at_least)
    kept: dict[str, list[str]] = {}
    for prompt, response in split.kept.select("prompt_id", "response_id").rows():
        kept.setdefault(prompt, []).append(response)
    assert kept == best
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(data, seed, worlds, shuffled, same_rows):
    world = data.draw(worlds)
    best = Best(of="responses", by="scores", n=2)
    one, other = best.run(world), best.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "demonstration_id")
    assert same_rows(one.dropped, other.dropped, "row_id")


def test_a_demonstration_is_the_prompt_with_its_best_answer(world):
    split = Best(of="responses", by="scores").run(world({"p": [("bad", [0.0]), ("good", [1.0])]}))
    assert [row["messages"] for row in named_rows(split.kept)] == [
        [
            {"role": "user", "content": "question p"},
            {"role": "assistant", "content": "good"},
        ]
    ]
