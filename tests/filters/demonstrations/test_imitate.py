"""Imitate: every response becomes an example, or is dropped with its reason."""

from typing import Any

import polars as pl

from filters import Imitate
from generators import Fixed


def test_every_response_is_the_answer_to_its_prompt(stand: Any) -> None:
    prompts = stand.prompts("a", "b")
    responses = Fixed(texts=("1", "2")).run({"prompts": prompts}, stand.context()).kept
    tables = {"prompts": prompts, "responses": responses}
    split = Imitate(of="responses").run(tables)
    assert split.dropped.is_empty()
    answers = [[turn["content"] for turn in messages] for messages in split.kept["messages"]]
    assert answers == [["a", "1"], ["a", "2"], ["b", "1"], ["b", "2"]]
    assert split.kept["response_id"].to_list() == responses["response_id"].to_list()
    assert split.kept["demonstration_id"].n_unique() == 4
    few = Imitate(of="responses").run({**tables, "prompts": prompts.head(1)})
    assert few.kept.height == 2
    assert few.dropped["reason"].to_list() == ["prompt not found"] * 2
    mixed = Imitate(of="responses").run(
        {**tables, "responses": responses.sample(fraction=1, shuffle=True, seed=3)}
    )
    assert set(mixed.kept["demonstration_id"]) == set(split.kept["demonstration_id"])
    assert isinstance(mixed.kept, pl.DataFrame)
