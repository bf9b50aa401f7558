"""Conversations as datasets write them, as lists of ``{role, content}``."""

from collections.abc import Mapping, Sequence
from typing import Any

ROLES: Mapping[str, str] = {
    **{"system": "system", "developer": "system"},
    **{"user": "user", "human": "user", "prompter": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant"},
    **{"bot": "assistant", "ai": "assistant"},
}
"""The role that each name means: OpenAI's, ShareGPT's, Gemini's, OpenAssistant's."""

_AUTHOR, _WORDS = ("role", "from"), ("content", "value", "text", "parts")


def chat(value: Any, what: str, *, first: int = 0) -> list[dict[str, str]]:
    """The messages of ``value``: a list of ``{role, content}`` or ``{from, value}``, whose content
    is a text or a list of parts ``{type: text, text}``. A system message that is empty says nothing
    and is left out.

    Raises `ValueError`, which names ``what`` and the message (the first is number ``first``), for
    anything else.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        told = "an empty list" if value == [] else "null" if value is None else _kind(value)
        raise ValueError(f"{what} must be a list of messages {{role, content}}, not {told}")
    messages = []
    for number, message in enumerate(value, start=first):
        named = f"message {number} of {what}"
        if not isinstance(message, Mapping):
            raise ValueError(f"{named} must have 'role' and 'content', got {_kind(message)}")
        author = next((name for name in _AUTHOR if name in message), None)
        words = next((name for name in _WORDS if name in message), None)
        if author is None or words is None:
            has = ", ".join(map(repr, message)) or "nothing"
            raise ValueError(f"{named} must have 'role' and 'content', it has {has}")
        said = message[author]
        role = ROLES.get(said.lower()) if isinstance(said, str) else None
        if role is None:
            known = ", ".join(dict.fromkeys(ROLES.values()))
            raise ValueError(f"{named} has role {_quoted(said)}, not one of {known}")
        content = message[words]
        if role == "system" and (content is None or content == ""):
            continue
        text = whole_text(joined(content, named), f"the content of {named}")
        messages.append({"role": role, "content": text})
    if not messages:
        raise ValueError(f"{what} holds an empty system message alone")
    return messages


def joined(content: Any, named: str) -> Any:
    """A content of parts as one text; any other content as it is. Raises `ValueError` for parts
    that are no text."""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list) or not content:
        return content
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        # A table has a place for every kind of part in each, with nothing in those of the others.
        text = part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(text, str) or part.get("type", "text") not in ("text", "input_text"):
            kind = part.get("type") if isinstance(part, Mapping) else _kind(part)
            raise ValueError(f"a part of {named} is no text: {_quoted(kind)}")
        texts.append(text)
    return "".join(texts)


def asked_of(messages: list[dict[str, str]], what: str) -> list[dict[str, str]]:
    """The prompt of a conversation: all of it but the answer that it ends with, if it does.

    Raises `ValueError` if the user does not speak last then.
    """
    asked = messages[:-1] if messages[-1]["role"] == "assistant" else messages
    if not asked or asked[-1]["role"] != "user":
        raise ValueError(f"{what} must end with a message of the user, who asks (or its answer)")
    return asked


def whole_text(value: Any, what: str) -> str:
    """``value`` if it is a text that says something and can be stored. Raises `ValueError`."""
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
            f"{what} is not whole text (another encoding than UTF-8, or half a character): "
            f"{error.reason} at character {error.start}"
        ) from None
    if "\0" in value:
        raise ValueError(f"{what} holds a NUL at character {value.index(chr(0))}")
    return value


def _kind(value: Any) -> str:
    return type(value).__name__


def _quoted(value: Any) -> str:
    return repr(str(value)[:80])
