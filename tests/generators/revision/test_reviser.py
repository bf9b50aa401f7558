"""Reviser: every response gives others or is dropped with a reason, and its prompt after it."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engines.model import Models
from engines.rows import Prompt, Response
from generators import Draft, Refusal, Reviser


class Echo(Reviser):
    """Says a response once more; goes wrong as the response says."""

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        if response.text == "fail":
            raise ValueError("no")
        if response.text == "refuse":
            return Refusal("not now", {"n": 1})
        text = "" if response.text == "blank" else f"{response.text} again"
        (drawn,) = await models.policy.generate(prompt.messages)
        return [
            Draft.by_rule(text, parents=(response.response_id,), drawn=drawn.text) for _ in range(2)
        ]


def test_what_becomes_of_each_response(stand: Any, answered: Any) -> None:
    tables = answered({"a": ["one", "refuse", "two"], "b": ["fail", "refuse"], "c": ["blank"]})
    split = Echo().run(tables, stand.context())
    assert split.kept["text"].to_list() == ["one again"] * 2 + ["two again"] * 2
    assert split.kept["origin"].struct.field("parents").to_list() == [["a-0"]] * 2 + [["a-2"]] * 2
    assert split.kept["response_id"].is_unique().all()
    ids = tables["prompts"]["prompt_id"].to_list()
    dropped = split.dropped.select("row_id", "reason").rows()
    assert set(dropped) >= {
        ("a-1", "not now"),
        ("b-0", "ValueError"),
        ("b-1", "not now"),
        (ids[1], "no response kept"),
        (ids[2], "no response kept"),
    }
    assert [row for row, reason in dropped if reason == "text_not_empty"].__len__() == 2
    refusal = split.dropped.filter(pl.col("row_id") == "a-1")
    assert refusal["numbers"].item() == '{"n":1}'


def test_refusals_never_pass_the_failure_limit(stand: Any, answered: Any) -> None:
    tables = answered({f"p{n}": ["refuse"] for n in range(40)})
    split = Echo().run(tables, stand.context())
    assert split.kept.is_empty()
    assert split.dropped["reason"].value_counts(sort=True).rows() == [
        ("not now", 40),
        ("no response kept", 40),
    ]


def test_a_response_to_no_known_prompt_drops_its_prompt(stand: Any, answered: Any) -> None:
    tables = answered({"a": ["one"], "b": ["two", "three"]})
    lost = tables["prompts"]["prompt_id"][1]
    tables["prompts"] = tables["prompts"].head(1)
    split = Echo().run(tables, stand.context())
    assert split.kept["text"].to_list() == ["one again"] * 2
    assert split.dropped.select("row_id", "reason").rows() == [(lost, "prompt not found")]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(7)), taken=st.integers(1, 7))
def test_neither_order_nor_siblings_change_what_a_response_gives(
    stand: Any, answered: Any, order: list[int], taken: int
) -> None:
    tables = answered({"a": ["one", "two", "three", "refuse"], "b": ["four", "five", "fail"]})
    plain = Echo().run(tables, stand.context()).kept
    some = tables["responses"][order].head(taken)
    kept = Echo().run({**tables, "responses": some}, stand.context()).kept
    parent = pl.col("origin").struct.field("parents").list.first()
    wanted = plain.filter(parent.is_in(some["response_id"].implode()))
    assert_frame_equal(kept.sort("response_id"), wanted.sort("response_id"))
