"""Conditions in prompts, and mirrored pairs."""

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from filters import Conditioned, Imitate
from schemas import Demonstrations, Scores, rows
from tests.filters.conftest import ORIGIN, make_world, pairs_saying

ASK = "Quality: {condition}"


def scores(**values: float) -> pl.DataFrame:
    found = [
        {"response_id": name, "annotator": "a", "value": value, "origin": ORIGIN}
        for name, value in values.items()
    ]
    return rows(Scores, found)


def demonstrations() -> dict[str, pl.DataFrame]:
    world = make_world({"p": [("4", [7.6]), ("5", [-0.2])], "q": [("6", [])]})
    return {**world, "said": Imitate(of="responses").run(world).kept}


def conditions(split: Any) -> list[tuple[str, str, str]]:
    """The response, the condition and the first message of each demonstration."""
    kept = split.kept
    first = [messages[0] for messages in kept["messages"]]
    assert all(message["role"] == "system" for message in first)
    said = [message["content"] for message in first]
    return list(zip(kept["response_id"], kept["condition"], said, strict=True))


def test_the_condition_of_a_demonstration_is_its_rounded_score() -> None:
    split = Conditioned(of="said", template=ASK, by="scores").run(demonstrations())
    assert conditions(split) == [("p-0", "8", "Quality: 8"), ("p-1", "0", "Quality: 0")]
    assert split.dropped["reason"].to_list() == ["no condition: its score or its prompt is missing"]


@pytest.mark.parametrize(
    ("given", "condition"), [({"tag": "expert"}, "expert"), ({"source_of": "prompts"}, "test")]
)
def test_a_tag_and_a_source_are_conditions(given: dict[str, str], condition: str) -> None:
    split = Conditioned(of="said", template=ASK, **given).run(demonstrations())
    assert [each[1:] for each in conditions(split)] == [(condition, f"Quality: {condition}")] * 3


def test_learned_turns_move_with_the_messages_and_a_system_turn_is_not_doubled() -> None:
    said = [{"role": role, "content": "word"} for role in ("user", "assistant") * 2]
    known = {"prompt_id": "p", "loss_spans": [[1, 0, 2], [0, 3]]}
    system = [{"role": "system", "content": "Be brief."}, *said]
    frame = rows(
        Demonstrations,
        [
            {"demonstration_id": "a", "messages": said, **known},
            {"demonstration_id": "b", "messages": system, **known},
        ],
    )
    split = Conditioned(of="said", template=ASK, tag="x").run({"said": frame})
    assert split.kept["loss_spans"].to_list() == [[[2, 0, 2], [0, 3]]]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("b", "its prompt has a system turn of its own")
    ]


def test_a_pair_is_mirrored_under_the_score_of_its_rejected_side() -> None:
    pairs = pairs_saying([("good", "bad"), ("one", "two"), ("high", "low")], [2.0, 1.0, 3.0])
    ends = {"chosen": True, "rejected": False}
    pairs = pairs.with_columns(ends=pl.Series([ends] * 3, dtype=pairs.schema["ends"]))
    scored = scores(c0=9.0, r0=3.0, c1=1.0, r1=2.0, c2=1.2, r2=1.1)
    split = Conditioned(of="pairs", template=ASK, by="scores").run(
        {"pairs": pairs, "scores": scored}
    )
    found = [
        (row["prompt"][0]["content"], row["chosen"][0]["content"], row["rejected_id"])
        for row in split.kept.iter_rows(named=True)
    ]
    assert found == [("Quality: 9", "good", "r0"), ("Quality: 3", "bad", "c0")]
    assert split.kept["margin"].to_list() == [2.0, 2.0]
    assert split.kept["ends"].to_list() == [ends, {"chosen": False, "rejected": True}]
    assert split.kept["pair_id"].n_unique() == 2
    assert dict(split.dropped.select("row_id", "reason").rows()) == {
        "x1": "the rejected side has the higher score",
        "x2": "both sides have the same condition",
    }


def test_tags_of_pairs() -> None:
    tables = {"pairs": pairs_saying([("good", "bad")])}
    both = Conditioned(of="pairs", template=ASK, tag="right", other="wrong").run(tables).kept
    assert [prompt[0]["content"] for prompt in both["prompt"]] == [
        "Quality: right",
        "Quality: wrong",
    ]
    assert both["chosen_id"].to_list() == ["c0", "r0"]
    assert Conditioned(of="pairs", template=ASK, tag="right").run(tables).kept.height == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"template": "Be good.", "tag": "x"}, "has no {condition}"),
        ({}, "give one of"),
        ({"tag": "x", "by": "scores"}, "give one of"),
        ({"by": "scores", "other": "x"}, "other goes with another tag"),
    ],
)
def test_fields_that_do_not_fit_are_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Conditioned(**{"of": "pairs", "template": ASK, **given})
