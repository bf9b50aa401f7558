"""EditedPairs: small edits that turned a right answer into a wrong one."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import EditedPairs
from filters.pairs.edits import changed
from schemas import Responses, Scores, rows

RIGHT = "Mia has 12 apples and buys 4 more: 12 + 4 = 16. Answer: 16"
Made = tuple[str, float | None, str, float | None]


def edited_world(world: Any, made: list[Made]) -> dict[str, pl.DataFrame]:
    """For each original (text, score) one edit of it (text, score), all of one prompt each."""
    tables: dict[str, pl.DataFrame] = world(
        {f"p{n}": [(text, [score])] for n, (text, score, _, _) in enumerate(made)}
    )
    origin = {"operator": "t", "model": None, "parameters": "{}", "seed": None}
    edits = [
        {
            "response_id": f"e{n}",
            "prompt_id": f"p{n}",
            "text": text,
            "finish": "stop",
            "tokens": 1,
            "origin": origin | {"parents": [f"p{n}-0"]},
        }
        for n, (_, _, text, _) in enumerate(made)
    ]
    marks = [
        {
            "response_id": f"e{n}",
            "annotator": "v",
            "value": score,
            "error": None if score is not None else "hm",
            "origin": origin | {"parents": []},
        }
        for n, (_, _, _, score) in enumerate(made)
    ]
    return tables | {"edited": rows(Responses, edits), "marks": rows(Scores, marks)}


def pairing(**changes: Any) -> EditedPairs:
    stages = {"originals": "responses", "by": "marks", "originals_by": "scores"}
    return EditedPairs(of="edited", **stages, **changes)


def test_right_and_wrong_by_a_judge_are_what_its_scores_are_set_to(world: Any) -> None:
    edit = RIGHT.replace("= 16. Answer: 16", "= 17. Answer: 17")
    judged = edited_world(world, [(RIGHT, 0.8, edit, 0.1), (RIGHT, 0.8, edit, 0.5)])
    split = pairing(right=0.6, wrong=0.4).run(judged)
    assert split.kept.height == 1
    assert set(split.dropped["reason"]) == {"verdict not flipped", "no pair left"}


def test_a_small_edit_that_flips_the_verdict_is_a_pair(world: Any) -> None:
    edit = RIGHT.replace("= 16. Answer: 16", "= 17. Answer: 17")
    split = pairing().run(edited_world(world, [(RIGHT, 1.0, edit, 0.0)]))
    assert split.dropped.is_empty()
    (pair,) = split.kept.rows(named=True)
    assert pair["chosen"][0]["content"] == RIGHT
    assert pair["rejected"][0]["content"] == edit
    assert (pair["chosen_id"], pair["rejected_id"]) == ("p0-0", "e0")
    assert (pair["margin"], pair["weight"]) == (1.0, 1.0)
    assert pair["shared_prefix"] == RIGHT.index("16") + 1


LONG = " ".join(["then"] * 30)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ((RIGHT, 0.0, RIGHT.replace("16", "17"), 0.0), "original is not right"),
        ((RIGHT, None, RIGHT.replace("16", "17"), 0.0), "original not scored"),
        ((RIGHT, 1.0, f" {RIGHT}", 1.0), "edit changed nothing"),
        ((RIGHT, 1.0, RIGHT.replace(" ", "  "), 0.0), "edit changed nothing"),
        ((RIGHT, 1.0, RIGHT.replace("16", "17"), 1.0), "verdict not flipped"),
        ((RIGHT, 1.0, RIGHT.replace("16", "17"), None), "edit not scored"),
        ((RIGHT, 1.0, "Answer: 17", 0.0), "changed too much"),
        ((f"{LONG} 16", 1.0, f"{LONG} 17, a Mistake", 0.0), "edit tells of its error"),
    ],
)
def test_the_rest_is_dropped_with_the_reason(world: Any, made: Made, reason: str) -> None:
    split = pairing().run(edited_world(world, [made]))
    assert split.kept.is_empty()
    assert split.dropped.select("row_id", "reason").rows() == [
        ("e0", reason),
        ("p0", "no pair left"),
    ]
    numbers = json.loads(split.dropped["numbers"][0])
    assert (numbers["original_score"], numbers["edited_score"]) == (made[1], made[3])


def test_an_original_that_is_not_there(world: Any) -> None:
    tables = edited_world(world, [(RIGHT, 1.0, RIGHT.replace("16", "17"), 0.0)])
    tables["responses"] = tables["responses"].clear()
    assert pairing().run(tables).dropped["reason"][0] == "original not found"


words = st.lists(st.sampled_from(["12", "+", "4", "=", "16", "17"]), min_size=1, max_size=9)
texts = words.map(" ".join)
score = st.sampled_from([0.0, 1.0, None])


@given(made=st.lists(st.tuples(texts, score, texts, score), max_size=6), most=st.floats(0, 1))
def test_every_kept_pair_is_small_and_flipped_and_no_edit_is_lost(
    world: Any, made: list[Made], most: float
) -> None:
    tables = edited_world(world, made)
    split = pairing(most_changed=most).run(tables)
    for pair in split.kept.rows(named=True):
        before, first, after, second = made[int(pair["rejected_id"][1:])]
        assert (first, second) == (1.0, 0.0)
        assert 0 < changed(pl.Series([before]), pl.Series([after]))[0] <= most
    told = {*split.kept["rejected_id"], *split.dropped["row_id"]}
    assert set(tables["edited"]["response_id"]) <= told
    prompts = {*split.kept["prompt_id"], *(t for t in told if t.startswith("p"))}
    assert prompts == set(tables["edited"]["prompt_id"])
