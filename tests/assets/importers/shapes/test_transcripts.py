"""Transcripts: who said what after the prompt."""

from typing import Any

import pytest

from assets.importers.shapes import SampleScore
from schemas import transcript

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How many?"},
    {"role": "assistant", "content": "look()"},
    {"role": "tool", "content": "3 boxes\n"},
    {"role": "assistant", "content": "Three."},
    {"role": "user", "content": "Sure?"},
    {"role": "assistant", "content": " Yes, three."},
    {"role": "user", "content": "Thanks!"},
]
TEXT = "look()\n\n3 boxes\n\nThree.\n\nSure?\n\n Yes, three."
TURNS = (
    ("assistant", 0, 6),
    ("tool", 6, 17),
    ("assistant", 17, 23),
    ("user", 23, 32),
    ("assistant", 32, 44),
)


def test_a_conversation_is_a_prompt_and_one_response_of_several_turns(read: Any) -> None:
    sample = read("transcript", {"messages": CHAT, "score": 0.5, "label": 1, "model": "m"})
    assert [turn["content"] for turn in sample.prompt] == ["Be brief.", "How many?"]
    (solution,) = sample.solutions
    assert (solution.text, solution.turns, solution.model) == (TEXT, TURNS, "m")
    assert solution.scores == (SampleScore("score", 0.5), SampleScore("label", 1.0))
    # Models read what the file said, but for the space around the words of others.
    assert transcript(solution.text, solution.turns) == [
        {**turn, "content": turn["content"].strip() if turn["role"] == "tool" else turn["content"]}
        for turn in CHAT[2:7]
    ]


def test_roles_and_spans_of_a_text_are_read_as_they_are(read: Any) -> None:
    turns = [{"role": role, "start": start, "end": end} for role, start, end in TURNS]
    row = {"prompt": "How many?", "text": TEXT, "turns": turns}
    (solution,) = read("transcript", row).solutions
    assert (solution.text, solution.turns) == (TEXT, TURNS)


def test_one_turn_alone_is_no_transcript(read: Any) -> None:
    (solution,) = read("transcript", {"messages": CHAT[:3]}).solutions
    assert (solution.text, solution.turns) == ("look()", None)


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([("assistant", 0, 6), ("user", 7, 44)], "'turns' must cover the 44 characters of 'text'"),
        ([("assistant", 0, 6), ("user", 6, 40)], "'turns' must cover"),
        ([("assistant", 0, 6), ("user", 6, 6), ("user", 6, 44)], "'turns' must cover"),
        ([("user", 0, 6), ("assistant", 6, 44)], "'turns' must begin with the assistant's"),
        ([("judge", 0, 44)], "'role' of turn 0 of 'turns' must be assistant, user or tool"),
        ([("assistant", "0", 44)], "turn 0 of 'turns' must have 'start' and 'end'"),
    ],
)
def test_turns_that_are_no_transcript_refuse_the_response(
    read: Any, turns: list[tuple[Any, ...]], reason: str
) -> None:
    told = [dict(zip(("role", "start", "end"), turn, strict=True)) for turn in turns]
    sample = read("transcript", {"prompt": "How many?", "text": TEXT, "turns": told})
    assert sample.prompt
    assert sample.solutions[0].startswith(reason)


@pytest.mark.parametrize(
    ("place", "message", "reason"),
    [
        (2, {"tool_calls": [{"name": "look", "arguments": "{}"}]}, "message 2 calls a tool"),
        (2, {"reasoning": "Hm."}, "message 2 has a thought"),
        (5, {"role": "system"}, "message 5 is the system's"),
    ],
)
def test_what_a_text_cannot_hold_refuses_the_response(
    read: Any, place: int, message: dict[str, Any], reason: str
) -> None:
    chat = [*CHAT[:place], CHAT[place] | message, *CHAT[place + 1 :]]
    assert reason in read("transcript", {"messages": chat}).solutions[0]


def test_the_thought_of_the_last_answer_is_kept(read: Any) -> None:
    chat = [*CHAT[:6], CHAT[6] | {"reasoning": "Hm."}]
    (solution,) = read("transcript", {"messages": chat}).solutions
    assert solution.reasoning == "Hm."


@pytest.mark.parametrize("messages", [CHAT[2:], CHAT[:2]])
def test_a_conversation_needs_a_task_and_an_answer(read: Any, messages: Any) -> None:
    with pytest.raises(ValueError, match="'conversations' must have a task"):
        read("transcript", {"conversations": messages})
