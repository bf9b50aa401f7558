"""Texts of every kind of row, and rows refused for one of them."""

import json

import polars as pl

from filters.curation.texts import texts, without
from schemas import Demonstrations, Pairs, Prompts, Responses, rows


def assistant_message(role, text):
    return {"role": role, "content": text}


def test_a_pair_has_two_texts_and_other_rows_one(written, compared):
    pairs = compared([("a", "b"), ("c", "d")])
    assert texts(pairs, Pairs).rows() == [
        (0, "chosen", "a"),
        (1, "chosen", "c"),
        (0, "rejected", "b"),
        (1, "rejected", "d"),
    ]
    assert texts(pairs, Pairs, side="rejected").rows() == [
        (0, "rejected", "b"),
        (1, "rejected", "d"),
    ]
    assert texts(written(["a"]), Responses).rows() == [(0, "response", "a")]
    turns = [
        assistant_message("system", "s"),
        assistant_message("user", "u"),
        assistant_message("assistant", "a"),
        assistant_message("user", "v"),
    ]
    known = {"source": "s", "source_revision": "1", "licence": "MIT"}
    prompts = rows(Prompts, [{"prompt_id": "p", "messages": turns, **known}])
    assert texts(prompts, Prompts).rows() == [(0, "prompt", "u\na\nv")]
    shown = [*turns, assistant_message("assistant", "b")]
    demonstrations = rows(
        Demonstrations, [{"demonstration_id": "d", "prompt_id": "p", "messages": shown}]
    )
    assert texts(demonstrations, Demonstrations).rows() == [(0, "answer", "b")]


def test_a_row_goes_once_with_its_first_reason_and_the_numbers(compared):
    found = pl.DataFrame(
        {
            "row": [0, 1, 0, 1],
            "side": ["chosen", "chosen", "rejected", "rejected"],
            "reason": [None, "bad", "worse", "worse"],
        },
        schema_overrides={"row": pl.UInt32},
    )
    split = without(compared([("a", "b"), ("c", "d"), ("e", "f")]), Pairs, found.head(3))
    assert split.kept["pair_id"].to_list() == ["x2"]
    assert split.dropped.select("row_id", "reason").rows() == [("x0", "worse"), ("x1", "bad")]
    assert [json.loads(row) for row in split.dropped["numbers"]] == [
        {"side": "rejected"},
        {"side": "chosen"},
    ]
    assert without(compared([("a", "b")]), Pairs, found.head(1)).kept.height == 1
