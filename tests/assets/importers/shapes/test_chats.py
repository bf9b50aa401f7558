"""Conversations of ShareGPT, OpenAI and LLaMA-Factory."""

from typing import Any

import pytest

SHAREGPT = [{"from": "human", "value": "A tree?"}, {"from": "gpt", "value": "An oak."}]
OPENAI = [
    {"role": "user", "content": [{"type": "text", "text": "A tree?"}]},
    {"role": "assistant", "content": "An oak."},
]
ASKED = [{"role": "user", "content": "A tree?"}]
SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"conversations": SHAREGPT}, ASKED),
        ({"messages": OPENAI}, ASKED),
        ({"messages": [*OPENAI, {"role": "user", "content": "Thanks."}]}, ASKED),
        ({"conversations": SHAREGPT, "system": "Be brief."}, [SYSTEM, *ASKED]),
        ({"messages": [{"role": "developer", "content": "Be brief."}, *OPENAI]}, [SYSTEM, *ASKED]),
    ],
)
def test_the_last_answer_is_the_response(
    read: Any, row: dict[str, Any], prompt: list[dict[str, str]]
) -> None:
    sample = read("chat", row)
    assert list(sample.prompt) == prompt
    assert [one.text for one in sample.solutions] == ["An oak."]
    assert sample.demonstration is not None


def test_a_conversation_without_an_answer_is_a_prompt(read: Any) -> None:
    sample = read("sharegpt", {"conversations": SHAREGPT[:1]})
    assert list(sample.prompt) == ASKED
    assert not sample.solutions


CHOSEN = {"from": "gpt", "value": "An oak."}
REJECTED = {"from": "gpt", "value": "A rock."}


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        (
            "sharegpt",
            {"conversations": SHAREGPT[:1], "chosen": CHOSEN, "rejected": REJECTED},
        ),
        ("alpaca", {"instruction": "A tree?", "chosen": "An oak.", "rejected": "A rock."}),
    ],
)
def test_rankings_of_llama_factory(read: Any, shape: str, row: dict[str, Any]) -> None:
    sample = read(shape, row)
    assert list(sample.prompt) == ASKED
    assert [one.text for one in sample.solutions] == ["An oak.", "A rock."]
    assert sample.preference.chosen == 0


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        ("sharegpt", {"conversations": SHAREGPT, "kto_tag": False}),
        ("alpaca", {"instruction": "A tree?", "output": "An oak.", "kto_tag": False}),
    ],
)
def test_labels_of_llama_factory(read: Any, shape: str, row: dict[str, Any]) -> None:
    (solution,) = read(shape, row).solutions
    assert (solution.text, solution.scores[0].value) == ("An oak.", 0.0)


def test_an_instruction_with_all_that_may_go_with_it(read: Any) -> None:
    row = {
        "instruction": "Name one.",
        "input": "Trees",
        "output": "An oak.",
        "system": "Be brief.",
        "history": [["Hi", "Hello"]],
    }
    sample = read("alpaca", row)
    assert list(sample.prompt) == [
        SYSTEM,
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Name one.\nTrees"},
    ]
    assert read("alpaca", {**row, "system": "", "history": [], "input": ""}).prompt == (
        {"role": "user", "content": "Name one."},
    )


def test_two_outputs_of_an_instruction_are_a_ranking(read: Any) -> None:
    sample = read("alpaca", {"instruction": "?", "output": ["good", "bad"]})
    assert [one.text for one in sample.solutions] == ["good", "bad"]
    assert sample.preference.chosen == 0
    assert sample.demonstration is None


def test_several_texts_are_not_one_answer(read: Any) -> None:
    (said,) = read("alpaca", {"instruction": "?", "output": ["a", "b", "c"]}).solutions
    assert "3 texts" in said


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_half_a_ranking_refuses_that_side(read: Any, side: str) -> None:
    row = {"conversations": [{"from": "human", "value": "?"}], "chosen": None, "rejected": None}
    solutions = read("sharegpt", {**row, side: {"from": "gpt", "value": "!"}}).solutions
    assert [isinstance(one, str) for one in solutions] == [side == "rejected", side == "chosen"]


def test_what_is_null_is_said(read: Any) -> None:
    (said,) = read("alpaca", {"instruction": "?", "output": None}).solutions
    assert "'output'" in said
    turns = [{"from": "human", "value": "?"}, {"from": "gpt", "value": "!"}]
    with pytest.raises(ValueError, match="'kto_tag'"):
        read("sharegpt", {"conversations": turns, "kto_tag": None})


def test_an_answer_that_is_odd_is_told_by_its_place(read: Any) -> None:
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": ""}]
    (said,) = read("openai", {"messages": turns}).solutions
    assert "message 1" in said
