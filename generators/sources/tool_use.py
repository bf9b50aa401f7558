"""Tools, calls of tools and thoughts in the conversations of datasets."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas import Message, ToolCall

_THOUGHT = ("reasoning", "reasoning_content", "thinking", "thought")


def tools_text(value: Any, what: str) -> str | None:
    """Tools as the JSON of a list of function schemas; None if there are none.

    Args:
        value: a list of schemas, each ``{type: function, function: {name, …}}`` or the function
            alone, or the JSON of it.
        what: the name of the value in error messages.

    Raises:
        ValueError: ``value`` is anything else.
    """
    listed = _parsed(value, what)
    if listed is None or listed == "" or listed == []:
        return None
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes):
        raise ValueError(f"{what} must be a list of tools, not {type(listed).__name__}")
    named = ((tool, f"tool {at} of {what}") for at, tool in enumerate(listed))
    return _json([_schema(_parsed(tool, name), name) for tool, name in named])


def with_tools(messages: Sequence[Message], tools: str | None, what: str) -> list[Message]:
    """``messages`` with ``tools`` in the first one.

    Raises:
        ValueError: a message has tools already.
    """
    if tools is None:
        return list(messages)
    if any("tools" in message for message in messages):
        raise ValueError(f"there are tools in {what} and in a message: which ones may be called?")
    first, *others = messages
    with_them = first.copy()
    with_them["tools"] = tools
    return [with_them, *others]


def tool_calls(message: Mapping[str, Any], named: str) -> list[ToolCall]:
    """The calls of a message, in ``tool_calls`` or in the older ``function_call``.

    Raises:
        ValueError: one of them is no call of a function.
    """
    calls = _parsed(message.get("tool_calls"), f"'tool_calls' of {named}") or []
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise ValueError(f"'tool_calls' of {named} must be a list")
    alone = message.get("function_call")
    listed = [*calls, *([] if alone is None else [alone])]
    return [tool_call(call, f"call {at} of {named}") for at, call in enumerate(listed)]


def tool_call(value: Any, what: str) -> ToolCall:
    """A call ``{id, function: {name, arguments}}`` or ``{name, arguments}``, or its JSON. Arguments
    that are null in a table with the arguments of all calls are left out.

    Raises:
        ValueError: ``value`` is anything else, or its arguments are no object.
    """
    call = _parsed(value, what)
    function = call.get("function") or call if isinstance(call, Mapping) else {}
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str) or not name:
        raise ValueError(f"{what} must be {{id, function: {{name, arguments}}}}")
    given = function.get("arguments", function.get("parameters"))
    arguments = _parsed("{}" if given is None or given == "" else given, f"the arguments of {what}")
    if not isinstance(arguments, Mapping):
        raise ValueError(f"the arguments of {what} must be an object")
    text = given if isinstance(given, str) and given else _json(arguments)
    identity = call.get("id") or call.get("tool_call_id")
    known: ToolCall = {"name": name, "arguments": text}
    return known if identity is None else {"id": str(identity), **known}


def thought(message: Mapping[str, Any], named: str) -> str | None:
    """The thought of a message, under any of its usual names or in parts of its content.

    Raises:
        ValueError: it is not text, or two names hold different ones.
    """
    found = {name: message[name] for name in _THOUGHT if message.get(name) not in (None, "")}
    for name, text in found.items():
        if not isinstance(text, str):
            raise ValueError(f"{name!r} of {named} must be text, not {type(text).__name__}")
    if len(set(found.values())) > 1:
        names = " and ".join(map(repr, found))
        raise ValueError(f"{named} has different thoughts in {names}")
    parts = message.get("content")
    texts = [_part(part) for part in parts if is_thought(part)] if isinstance(parts, list) else []
    return next(iter(found.values()), None) or "\n\n".join(texts) or None


def is_thought(part: Any) -> bool:
    """Whether a part of a content is a thought."""
    return isinstance(part, Mapping) and part.get("type") in ("thinking", "reasoning")


def _part(part: Mapping[str, Any]) -> str:
    value = part.get("thinking") or part.get("reasoning") or part.get("text") or ""
    if isinstance(value, list):
        return "".join(each.get("text") or "" for each in value if isinstance(each, Mapping))
    return value if isinstance(value, str) else ""


def _schema(tool: Any, what: str) -> Mapping[str, Any]:
    function = tool.get("function") or tool if isinstance(tool, Mapping) else {}
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ValueError(f"{what} has no name: {{type: function, function: {{name, parameters}}}}")
    return tool if tool.get("function") else {"type": "function", "function": function}


def _parsed(value: Any, what: str) -> Any:
    """``value``, or what its JSON says."""
    if not isinstance(value, str) or not value:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is text but not JSON: {error}") from None


def _json(value: Any) -> str:
    return json.dumps(_without_nulls(value), ensure_ascii=False)


def _without_nulls(value: Any) -> Any:
    """``value`` without null fields: a table gives each object the fields of all objects."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
