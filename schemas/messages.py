"""The messages of a chat: their fields in tables, and as Python values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NotRequired

import polars as pl
from typing_extensions import TypedDict

from schemas.imports import dataframely as dy

ROLES = ("system", "user", "assistant", "tool")
"""The allowed roles of messages."""


class ToolCall(TypedDict):
    """A call of a tool. ``arguments`` is the JSON of an object."""

    id: NotRequired[str]
    name: str
    arguments: str


class Message(TypedDict):
    """One turn of a chat. Fields that it does not have are null in a table and absent in Python.

    Attributes:
        role: one of `ROLES`.
        content: the text. It may be empty for an assistant that calls tools, and for a tool.
        reasoning: the assistant's thought before the content.
        tool_calls: the calls of an assistant.
        tool_call_id: the id of the call that a tool answers.
        name: the name of the speaker, or of the tool that answers.
        tools: the tools that the assistant may call: the JSON of a list of function schemas. A
            conversation has them in its first message, so they are wherever its messages are.
    """

    role: str
    content: str
    reasoning: NotRequired[str]
    tool_calls: NotRequired[Sequence[ToolCall]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    tools: NotRequired[str]


def messages_of(cell: Iterable[Mapping[str, Any]]) -> tuple[Message, ...]:
    """The messages in a cell of a table, without the fields that are null."""
    return tuple(_present(message) for message in cell)


def _present(message: Mapping[str, Any]) -> Any:
    return {
        name: [_present(call) for call in value] if name == "tool_calls" else value
        for name, value in message.items()
        if value is not None
    }


def transcript(text: str, turns: Iterable[Sequence[Any]]) -> list[Message]:
    """The messages of a transcript (`schemas.Responses.turns`).

    The space around what the assistant did not write parts the turns of the text, and is no part of
    a message.

    Args:
        text: the full text.
        turns: role, start and end of each turn.
    """
    return [
        {"role": role, "content": text[a:b] if role == "assistant" else text[a:b].strip()}
        for role, a, b in turns
    ]


def named_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of ``frame`` by column name; fields of messages that are null are left out."""
    chats = [name for name, dtype in frame.schema.items() if dtype == MESSAGES]
    for row in frame.iter_rows(named=True):
        for name in chats:
            row[name] = row[name] and list(messages_of(row[name]))
        yield row


def message_list() -> dy.List:
    """A column of messages. There is at least one."""
    # What may not be null is checked for every element of every list, which takes twice the time of
    # all else; whoever renders a call checks it.
    text = dy.String(nullable=True)
    call = dy.Struct({"id": text, "name": text, "arguments": text}, nullable=True)
    return dy.List(
        dy.Struct(
            {
                "role": dy.String(),
                "content": dy.String(),
                "reasoning": dy.String(nullable=True),
                "tool_calls": dy.List(call, nullable=True),
                "tool_call_id": dy.String(nullable=True),
                "name": dy.String(nullable=True),
                "tools": dy.String(nullable=True),
            }
        ),
        min_length=1,
    )


MESSAGES: pl.DataType = message_list().dtype
PLAIN_MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
"""The type of messages before they had more fields."""


def contents(messages: pl.Expr) -> pl.Expr:
    """The contents of a list of messages, and the calls of tools, as one text."""
    message = pl.element().struct
    call = pl.concat_str(message.field("name"), message.field("arguments"), separator=" ")
    calls = message.field("tool_calls").list.eval(call).list.join("\n")
    text = pl.concat_str(message.field("content"), calls, separator="\n", ignore_nulls=True)
    return messages.cast(MESSAGES).list.eval(text).list.join("\n")


def offered_tools(messages: pl.Expr) -> pl.Expr:
    """The tools of a list of messages as one text, empty if there are none."""
    tools = pl.element().struct.field("tools").drop_nulls()
    return messages.cast(MESSAGES).list.eval(tools).list.join("\n")


def of_system(messages: pl.Expr, *, wanted: bool) -> pl.Expr:
    """The system messages, or all others."""
    system = pl.element().struct.field("role") == "system"
    return messages.list.eval(pl.element().filter(system if wanted else ~system))


def none_empty(messages: pl.Expr) -> pl.Expr:
    """Whether each message has a content, calls a tool, or is what a tool gave."""
    message = pl.element().struct
    has_text = message.field("content").str.strip_chars().str.len_chars() > 0
    is_result = message.field("role") == "tool"
    calls = (message.field("tool_calls").list.len() > 0).fill_null(value=False)
    return messages.list.eval(has_text | calls | is_result).list.all()


def all_of_known_roles(messages: pl.Expr) -> pl.Expr:
    """Whether all messages have a role that chat templates know: they write it next to control
    tokens."""
    return messages.list.eval(pl.element().struct.field("role").is_in(ROLES)).list.all()
