"""Conversations of datasets, read as messages."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from generators.sources.tool_use import (
    is_thought,
    thought,
    tool_call,
    tool_calls,
    tools_text,
    with_tools,
)
from schemas import Message, ToolCall

_CALLING = "function_call"
"""LLaMA-Factory's name of an assistant whose value is the JSON of a call."""
ROLES: Mapping[str, str] = {
    **{"system": "system", "developer": "system"},
    **{"user": "user", "human": "user", "prompter": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant"},
    **{"bot": "assistant", "ai": "assistant", _CALLING: "assistant"},
    **{"tool": "tool", "function": "tool", "observation": "tool", "tool_response": "tool"},
}
"""The role that each name means: OpenAI's, ShareGPT's, Gemini's, OpenAssistant's."""

_BLANK = re.compile(r"[\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*+")
"""A text without a visible character: spaces, characters of no width, marks of direction."""
_AUTHOR, _WORDS = ("role", "from"), ("content", "value", "text", "parts")
_TEXTS = ("text", "input_text", "output_text")
_MEDIA = ("image", "images", "audio", "audios", "video", "videos", "file", "files")


def chat(value: Any, what: str, *, first: int = 0) -> list[Message]:
    """The messages of a conversation.

    Args:
        value: a list of ``{role, content}`` or ``{from, value}``; a content is a text or a list
            of parts ``{type: text, text}``. An assistant's message may have a thought and calls
            of tools, a tool's the id of the call and a name (`generators.sources.tool_use`). An
            empty system message is left out.
        what: the name of the value in error messages.
        first: the number of the first message in error messages.

    Raises:
        ValueError: ``value`` is anything else. The message names ``what`` and the message
            number.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        kind = "an empty list" if value == [] else "null" if value is None else _kind(value)
        raise ValueError(f"{what} must be a list of messages {{role, content}}, not {kind}")
    read = (_message(each, f"message {at} of {what}") for at, each in enumerate(value, start=first))
    messages = [message for message in read if message is not None]
    if not messages:
        raise ValueError(f"{what} holds only an empty system message")
    roles = ["", *(message["role"] for message in messages)]
    for number, (before, role) in enumerate(pairwise(roles), start=first):
        if role == "tool" and before not in ("assistant", "tool"):
            raise ValueError(f"message {number} of {what} is a tool's, but no assistant called one")
    offered = [tools_text(each.get("tools"), f"'tools' of {what}") for each in value]
    tools = list(dict.fromkeys(each for each in offered if each is not None))
    if len(tools) > 1:
        raise ValueError(f"two messages of {what} have different tools: which may be called?")
    return with_tools(messages, tools[0] if tools else None, what)


def _message(message: Any, named: str) -> Message | None:
    """A message without its tools; None if it is an empty one of the system."""
    if not isinstance(message, Mapping):
        raise ValueError(f"{named} must have 'role' and 'content', got {_kind(message)}")
    author = next((name for name in _AUTHOR if name in message), None)
    words = next((name for name in _WORDS if name in message), None)
    calls = tool_calls(message, named)
    if author is None or (words is None and not calls):
        has = ", ".join(map(repr, message)) or "nothing"
        raise ValueError(f"{named} must have 'role' and 'content', it has {has}")
    role = _role(message[author], named)
    content = None if words is None else message[words]
    if role == "system" and (content is None or content == ""):
        return None
    for medium in _MEDIA:
        if message.get(medium):
            raise ValueError(f"{named} has {medium!r}: only text can be read")
    if message[author] == _CALLING:
        calls, content = [*calls, tool_call(content, named)], ""
    if isinstance(content, list):
        content = [part for part in content if not is_thought(part)] or ""
    text = joined(content, named)
    may_be_empty = bool(calls) or role == "tool"
    if not may_be_empty or text:
        whole_text(text, f"the content of {named}")
    read: Message = {"role": role, "content": text or ""}
    return _with_others(read, message, calls, named)


def _role(name: Any, named: str) -> str:
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        known = ", ".join(dict.fromkeys(ROLES.values()))
        raise ValueError(f"{named} has role {_quoted(name)}, not one of {known}")
    return role


def _with_others(
    read: Message, message: Mapping[str, Any], calls: list[ToolCall], named: str
) -> Message:
    """``read`` with the thought and the calls of an assistant, or the id and name of a tool."""
    reasoning = thought(message, named)
    if read["role"] != "assistant" and (calls or reasoning is not None):
        part = "calls of tools" if calls else "a thought"
        raise ValueError(f"{named} has {part}, which only the assistant has")
    if reasoning is not None:
        read["reasoning"] = whole_text(reasoning, f"the thought of {named}")
    if calls:
        read["tool_calls"] = calls
    if read["role"] == "tool" and message.get("tool_call_id"):
        read["tool_call_id"] = str(message["tool_call_id"])
    if read["role"] == "tool" and message.get("name"):
        read["name"] = str(message["name"])
    return read


def joined(content: Any, named: str) -> Any:
    """A content with parts as one text; any other content unchanged.

    Raises:
        ValueError: a part is not text.
    """
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list) or not content:
        return content
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        # In a table each part has the fields of every kind of part; those of other kinds are null.
        text = part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(text, str) or part.get("type", "text") not in _TEXTS:
            kind = part.get("type") if isinstance(part, Mapping) else _kind(part)
            if kind is None and isinstance(part, Mapping):
                kind = f"a mapping of {', '.join(map(str, part)) or 'nothing'}"
            raise ValueError(f"a part of {named} is not text: {_quoted(kind)}")
        texts.append(text)
    return "".join(texts)


def one_text(value: Any, named: str) -> Any:
    """A value that is one text, also in parts, as `joined` has it.

    Raises:
        ValueError: it is a list of several texts, such as the turns of a user, or a part is not
            text.
    """
    if isinstance(value, list) and len(value) > 1 and all(isinstance(one, str) for one in value):
        raise ValueError(f"{named} is a list of {len(value)} texts, not one")
    return joined(value, named)


def asked_of(messages: list[Message], what: str) -> list[Message]:
    """The prompt of a conversation: its messages without a final answer of the assistant.

    Raises:
        ValueError: the last message of the prompt is not the user's or a tool's.
    """
    prompt = messages[:-1] if messages[-1]["role"] == "assistant" else messages
    if not prompt or prompt[-1]["role"] not in ("user", "tool"):
        raise ValueError(f"{what} must end with a message of the user, or with the answer to one")
    return prompt


def whole_text(value: Any, what: str) -> str:
    """``value``, if it is a text that is not blank and can be stored.

    Raises:
        ValueError: it is not.
    """
    if value is None:
        raise ValueError(f"{what} is null")
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text, not {_kind(value)} {_quoted(value)}")
    if _BLANK.fullmatch(value):
        raise ValueError(f"{what} is empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what} is not valid text (its encoding is not UTF-8, or a character is incomplete): "
            f"{error.reason} at character {error.start}"
        ) from None
    if "\0" in value:
        raise ValueError(f"{what} holds a NUL at character {value.index(chr(0))}")
    return value


def _kind(value: Any) -> str:
    return type(value).__name__


def _quoted(value: Any) -> str:
    return repr(str(value)[:80])
