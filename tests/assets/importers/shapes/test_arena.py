"""Votes of an arena with a column for each outcome."""

import json
from typing import Any

import pytest


def vote(won: str, **changed: list[str | None]) -> dict[str, Any]:
    turns = {"prompt": ["A tree?"], "response_a": ["An oak."], "response_b": ["A rock."]} | changed
    outcomes = {
        name: int(name == won) for name in ("winner_model_a", "winner_model_b", "winner_tie")
    }
    texts = {name: json.dumps(each) for name, each in turns.items()}
    return {"model_a": "x", "model_b": "y", **texts, **outcomes}


@pytest.mark.parametrize(
    ("won", "chosen"), [("winner_model_a", 0), ("winner_model_b", 1), ("winner_tie", None)]
)
def test_a_vote(read: Any, won: str, chosen: int | None) -> None:
    sample = read("lmsys-arena", vote(won))
    assert sample.prompt == ({"role": "user", "content": "A tree?"},)
    assert [one.text for one in sample.solutions] == ["An oak.", "A rock."]
    assert sample.preference.chosen == chosen


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (vote("nobody"), "must be 1, not 0"),
        (vote("winner_tie", prompt=["A tree?", "Why?"]), "differ in the number of turns"),
        (
            vote(
                "winner_tie",
                prompt=["A tree?", "Why?"],
                response_a=["An oak.", "So."],
                response_b=["A rock.", "So."],
            ),
            "part before the last turn",
        ),
    ],
)
def test_what_is_no_vote_is_refused(read: Any, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read("lmsys-arena", row)


def test_an_answer_that_is_null_refuses_itself(read: Any) -> None:
    one, other = read("lmsys-arena", vote("winner_model_a", response_b=[None])).solutions
    assert one.text == "An oak."
    assert "response_b" in other
