"""Conversations of today, in the forms that datasets have them, as one kind of messages."""

import json
from typing import Any

import pytest

from generators import Files
from generators.sources.chats import chat
from schemas import SourceRowError, prompt_id

ASKED = {"role": "user", "content": "What is 6 * 7?"}
CALL = {"id": "1", "name": "multiply", "arguments": '{"a": 6, "b": 7}'}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
GIVEN = {"role": "tool", "content": "42", "tool_call_id": "1", "name": "multiply"}
TOOL = {"type": "function", "function": {"name": "multiply", "parameters": {"type": "object"}}}
OPENAI = {"id": "1", "type": "function", "function": {**CALL, "id": None}}


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ({"content": None, "tool_calls": [OPENAI]}, {"content": "", "tool_calls": [CALL]}),
        ({"tool_calls": [OPENAI]}, {"content": "", "tool_calls": [CALL]}),
        ({"content": "", "tool_calls": json.dumps([CALL])}, {"content": "", "tool_calls": [CALL]}),
        (
            {"content": "So:", "tool_calls": [{"name": "f", "arguments": {"a": [1], "b": None}}]},
            {"content": "So:", "tool_calls": [{"name": "f", "arguments": '{"a": [1]}'}]},
        ),
        (
            {"content": None, "function_call": {"name": "f", "arguments": ""}},
            {"content": "", "tool_calls": [{"name": "f", "arguments": "{}"}]},
        ),
        *(
            ({"content": "42", name: "Six times seven."}, {"reasoning": "Six times seven."})
            for name in ("reasoning", "reasoning_content", "thinking", "thought")
        ),
        ({"content": "42", "reasoning_content": None, "tool_calls": None}, {"content": "42"}),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Mul"}]},
                    {"type": "text", "text": "4"},
                    {"type": "text", "text": "2"},
                ]
            },
            {"content": "42", "reasoning": "Mul"},
        ),
    ],
)
def test_calls_and_thoughts_have_many_forms(message: Any, read: Any) -> None:
    found = chat([ASKED, {"role": "assistant", **message}], "it")[1]
    assert found == {"role": "assistant", "content": "42", **read}


def test_share_gpt_has_calls_and_results_as_turns() -> None:
    turns = [
        {"from": "human", "value": ASKED["content"]},
        {"from": "function_call", "value": json.dumps({**CALL, "arguments": {"a": 6, "b": 7}})},
        {"from": "observation", "value": "42"},
    ]
    assert chat(turns, "it") == [ASKED, CALLING, {"role": "tool", "content": "42"}]


@pytest.mark.parametrize("tools", [[TOOL], json.dumps([TOOL]), [TOOL["function"]]])
def test_a_source_reads_tools_beside_a_conversation(tools: Any, tmp_path: Any) -> None:
    row = {"messages": [ASKED, CALLING, GIVEN, {"role": "assistant", "content": "42"}]}
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps({**row, "tools": tools}) + "\n" + json.dumps(row) + "\n")
    one, other = Files(path=str(file), messages="messages", licence="MIT").prompts()
    first, *others = one["messages"]
    assert json.loads(first.pop("tools")) == [TOOL]
    assert [first, *others] == other["messages"] == [ASKED, CALLING, GIVEN]
    assert prompt_id(other["messages"]) != prompt_id([{**ASKED, "tools": "[]"}, CALLING, GIVEN])


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{**ASKED, "images": ["a.png"]}], "message 0 of column 'chat' has 'images'"),
        (
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
            "a part of message 0 of column 'chat' is not text: 'input_audio'",
        ),
        ([{**ASKED, "tool_calls": [CALL]}], "which only the assistant has"),
        ([ASKED, {"role": "assistant", "content": "", "tool_calls": [{}]}], "call 0 of message 1"),
        (
            [ASKED, {**CALLING, "tool_calls": [{**CALL, "arguments": "[1]"}]}],
            "the arguments of call 0 of message 1 of column 'chat' must be an object",
        ),
        (
            [ASKED, {**CALLING, "tool_calls": [{**CALL, "arguments": "{"}]}],
            "is text but not JSON",
        ),
        (
            [ASKED, {**CALLING, "reasoning": "a", "thinking": "b"}],
            "has different thoughts in 'reasoning' and 'thinking'",
        ),
        ([{**ASKED, "tools": [{}]}], "tool 0 of 'tools' of column 'chat' has no name"),
        ([ASKED, {"role": "assistant", "content": ""}, ASKED], "content of message 1"),
    ],
)
def test_what_cannot_be_read_names_file_row_and_field(
    messages: Any, words: str, tmp_path: Any
) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps({"chat": messages}) + "\n")
    (error,) = Files(path=str(file), messages="chat", licence="MIT").prompts()
    assert isinstance(error, SourceRowError)
    assert error.row == "chats.jsonl, line 1"
    assert words in error.reason
