"""Imitate: every response becomes an example, or is dropped with its reason."""

from collections.abc import Callable
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


def test_of_a_transcript_the_turns_of_the_assistant_are_learned(
    world: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    tables = world({"prompt": [("look it up: 7. So 7", [])]})
    turns = [("assistant", 0, 10), ("tool", 10, 15), ("assistant", 15, 19)]
    spoken = [[dict(zip(("role", "start", "end"), turn, strict=True)) for turn in turns]]
    responses = tables["responses"].with_columns(
        turns=pl.Series(spoken, dtype=tables["responses"].schema["turns"])
    )
    kept = Imitate(of="responses").run({**tables, "responses": responses}).kept
    assert [(turn["role"], turn["content"]) for turn in kept["messages"][0]] == [
        ("user", "question prompt"),
        ("assistant", "look it up"),
        ("tool", ": 7."),
        ("assistant", "So 7"),
    ]
    assert kept["loss_spans"].to_list() == [[[1, 0, 10], [3, 0, 4]]]
    assert Imitate(of="responses").run(tables).kept["loss_spans"].to_list() == [None]
