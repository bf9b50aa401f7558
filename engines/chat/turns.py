"""Messages in the form that chat templates and servers know: tools, their calls, and reasoning."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from engines.protocol import RowError
from schemas import Message

REASONING = ("reasoning_content", "reasoning", "thinking")
"""The names that chat templates have for the thought of an assistant's turn."""

Turn = dict[str, Any]


def with_texts(message: Message, change: Callable[[str], str]) -> Message:
    """``message`` with ``change`` applied to each of its texts."""
    changed = {
        name: [{key: change(text) for key, text in call.items()} for call in value]
        if name == "tool_calls"
        else change(value)
        for name, value in cast("Mapping[str, Any]", message).items()
    }
    return cast(Message, changed)


def turn_of(message: Mapping[str, Any], *, reasoning: Sequence[str], parsed: bool) -> Turn:
    """``message`` as OpenAI's chat format has it.

    Args:
        message: a message.
        reasoning: the names under which the thought is given.
        parsed: whether the arguments of calls are JSON values, as most chat templates read them,
            or the JSON's text, as servers do.

    Raises:
        RowError: the arguments of a call are not the JSON of an object.
    """
    turn: Turn = {"role": message["role"], "content": message["content"]}
    for name in ("name", "tool_call_id"):
        if name in message:
            turn[name] = message[name]
    if "reasoning" in message:
        turn |= dict.fromkeys(reasoning, message["reasoning"])
    if "tool_calls" in message:
        turn["tool_calls"] = [_call(call, parsed=parsed) for call in message["tool_calls"]]
    return turn


def _call(call: Mapping[str, Any], *, parsed: bool) -> Turn:
    if not {"name", "arguments"} <= call.keys():
        raise RowError("a call of a tool has no name or no arguments")
    arguments = _json(call["arguments"], dict, f"the arguments of a call of {call['name']}")
    function = {"name": call["name"], "arguments": arguments if parsed else call["arguments"]}
    return {
        **({"id": call["id"]} if "id" in call else {}),
        "type": "function",
        "function": function,
    }


def tools_of(messages: Sequence[Message]) -> list[Any] | None:
    """The tools that ``messages`` offer, as JSON schemas; None if there are none.

    Raises:
        RowError: they are not the JSON of a list.
    """
    tools = [
        tool
        for message in messages
        if "tools" in message
        for tool in _json(message["tools"], list, "'tools'")
    ]
    return tools or None


def _json(text: str, kind: type, subject: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(f"{subject} are not JSON: {error}") from None
    if not isinstance(value, kind):
        name = "an object" if kind is dict else "a list"
        raise RowError(f"{subject} are not {name} in JSON")
    return value


def unread(
    text: str,
    turns: Sequence[Message],
    tools: list[Any] | None,
    render: Callable[[Sequence[Message], list[Any] | None], str],
) -> Iterator[str]:
    """The parts of a conversation that a chat template leaves out: those without which its output
    is the same.

    Args:
        text: the output of ``render`` for ``turns`` and ``tools``.
        turns: the conversation.
        tools: its tools.
        render: applies the template.
    """

    def same(number: int, part: str) -> bool:
        others = list(turns)
        others[number] = cast(Message, {**turns[number], part: ""})
        if part == "tool_calls":
            del others[number]["tool_calls"]
        return _rendered(render, others, tools) == text

    if tools is not None and _rendered(render, turns, None) == text:
        yield "'tools'"
    for number, turn in enumerate(turns):
        if turn.get("tool_calls") and same(number, "tool_calls"):
            yield f"'tool_calls' of message {number}"
        content = turn["content"].strip()
        # Most contents are found in the output, which is quicker than to apply the template again.
        sure = turn["role"] != "tool" and content in text
        if content and not sure and same(number, "content"):
            yield f"'content' of message {number} (role {turn['role']})"


def _rendered(
    render: Callable[[Sequence[Message], list[Any] | None], str],
    turns: Sequence[Message],
    tools: list[Any] | None,
) -> str | None:
    try:
        return render(turns, tools)
    # A template that refuses a conversation without the part does read the part.
    except Exception:
        return None
