"""Union: rows of several stages as one."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from filters import RandomPairs, Union


@given(data=st.data())
def test_every_row_is_there_once(data: Any, worlds: Any) -> None:
    one, other = data.draw(worlds)["responses"], data.draw(worlds)["responses"]
    split = Union(of=("one", "other")).run({"one": one, "other": other})
    assert split.dropped.is_empty()
    assert split.kept["response_id"].to_list() == list(
        dict.fromkeys([*one["response_id"], *other["response_id"]])
    )
    assert_frame_equal(split.kept.head(one.height), one)


def test_pairs_of_both_kinds(world: Any) -> None:
    tables = world({"p": [("4", []), ("5", [])], "q": [("6", []), ("7", [])]})
    pairs = RandomPairs(of="responses").run(tables).kept
    parts = {"a": pairs.head(1), "b": pairs}
    assert Union(of=("a", "b")).run(parts).kept["prompt_id"].to_list() == ["p", "q"]


def test_stages_of_different_tables_are_refused(world: Any) -> None:
    tables = world({"p": [("4", [])]})
    with pytest.raises(ValueError, match="'prompts' gives Prompts, 'responses' gives"):
        Union(of=("prompts", "responses")).run(tables)


def test_no_stage_twice_and_no_single_one() -> None:
    with pytest.raises(ValidationError, match="named twice"):
        Union(of=("a", "a"))
    with pytest.raises(ValidationError):
        Union(of=("a",))


def test_nothing_of_nothing(world: Any) -> None:
    empty = world({"p": [("4", [])]})["responses"].clear()
    split = Union(of=("a", "b")).run({"a": empty, "b": empty})
    assert isinstance(split.kept, pl.DataFrame)
    assert split.kept.is_empty()
