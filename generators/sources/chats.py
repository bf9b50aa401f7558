"""Conversations of datasets, read as lists of ``{role, content}``."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas import Message

ROLES: Mapping[str, str] = {
    **{"system": "system", "developer": "system"},
    **{"user": "user", "human": "user", "prompter": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant"},
    **{"bot": "assistant", "ai": "assistant"},
}
"""The role that each name means: OpenAI's, ShareGPT's, Gemini's, OpenAssistant's."""

_AUTHOR, _WORDS = ("role", "from"), ("content", "value", "text", "parts")


def chat(value: Any, what: str, *, first: int = 0) -> list[Message]:
    """The messages of a conversation.

    Args:
        value: a list of ``{role, content}`` or ``{from, value}``; a content is a text or a list
            of parts ``{type: text, text}``. An empty system message is left out.
        what: the name of the value in error messages.
        first: the number of the first message in error messages.

    Raises:
        ValueError: ``value`` is anything else. The message names ``what`` and the message
            number.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        kind = "an empty list" if value == [] else "null" if value is None else _kind(value)
        raise ValueError(f"{what} must be a list of messages {{role, content}}, not {kind}")
    messages: list[Message] = []
    for number, message in enumerate(value, start=first):
        named = f"message {number} of {what}"
        if not isinstance(message, Mapping):
            raise ValueError(f"{named} must have 'role' and 'content', got {_kind(message)}")
        author = next((name for name in _AUTHOR if name in message), None)
        words = next((name for name in _WORDS if name in message), None)
        if author is None or words is None:
            has = ", ".join(map(repr, message)) or "nothing"
            raise ValueError(f"{named} must have 'role' and 'content', it has {has}")
        name = message[author]
        role = ROLES.get(name.lower()) if isinstance(name, str) else None
        if role is None:
            known = ", ".join(dict.fromkeys(ROLES.values()))
            raise ValueError(f"{named} has role {_quoted(name)}, not one of {known}")
        content = message[words]
        if role == "system" and (content is None or content == ""):
            continue
        text = whole_text(joined(content, named), f"the content of {named}")
        messages.append({"role": role, "content": text})
    if not messages:
        raise ValueError(f"{what} holds only an empty system message")
    return messages


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
        if not isinstance(text, str) or part.get("type", "text") not in ("text", "input_text"):
            kind = part.get("type") if isinstance(part, Mapping) else _kind(part)
            raise ValueError(f"a part of {named} is not text: {_quoted(kind)}")
        texts.append(text)
    return "".join(texts)


def asked_of(messages: list[Message], what: str) -> list[Message]:
    """The prompt of a conversation: its messages without a final answer of the assistant.

    Raises:
        ValueError: the last message of the prompt is not the user's.
    """
    prompt = messages[:-1] if messages[-1]["role"] == "assistant" else messages
    if not prompt or prompt[-1]["role"] != "user":
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
    if not value.strip():
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
