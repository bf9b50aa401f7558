"""InjectError: each response once more, with an error of a kind that is drawn for it."""

import json
from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from generators import InjectError


def test_the_edit_says_its_kind_and_its_parent(answered: Any, speaking: Any, stand: Any) -> None:
    tables = answered({"2 and 2?": ["2 + 2 = 4"]})
    split = InjectError(kinds=("sum",)).run(tables, speaking(lambda text: "2 + 2 = 5"))
    (row,) = split.kept.rows(named=True)
    assert row["text"] == "2 + 2 = 5"
    assert row["origin"]["parents"] == ["2 and 2?-0"]
    assert json.loads(row["origin"]["parameters"])["kind"] == "sum"
    ((asked, *_),) = stand.asked
    assert "result of a single calculation slightly wrong" in asked
    assert "2 + 2 = 4" in asked


def test_a_kind_of_ones_own_is_put_in_its_words(answered: Any, speaking: Any, stand: Any) -> None:
    InjectError(kinds=("forget a carry",)).run(answered({"p": ["4"]}), speaking(lambda text: "5"))
    assert "forget a carry." in stand.asked[0][0]


def test_what_cannot_be_told_from_the_response_is_kept_alone(answered: Any, speaking: Any) -> None:
    tables = answered({"p": ["1. one\n2. two", "one\n\ntwo", "one", "two"]})
    said = iter(["Here is the solution:\n1. one\n2. three", "one two three", "one", "two more"])
    split = InjectError().run(tables, speaking(lambda text: next(said)))
    assert split.kept["text"].to_list() == ["1. one\n2. three", "two more"]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("p-1", "the edit changed the layout"),
        ("p-2", "the edit changed nothing"),
    ]


def test_kinds_are_drawn_evenly_by_seed_and_response() -> None:
    ids = [f"response {n}" for n in range(3000)]
    drawn = Counter(InjectError().kind(one) for one in ids)
    assert set(drawn) == {"number", "operation", "sum"}
    assert all(abs(count - 1000) < 100 for count in drawn.values())
    assert [InjectError().kind(one) for one in ids] == [InjectError().kind(one) for one in ids]
    assert [InjectError(seed=1).kind(one) for one in ids] != [InjectError().kind(o) for o in ids]


def test_there_must_be_a_kind() -> None:
    with pytest.raises(ValidationError):
        InjectError(kinds=())
