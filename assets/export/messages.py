"""The messages of exported rows.

Messages of role and content only are lists of structs. If one message of an export has more, all
its messages are JSON (Arrow's type), because a struct would give each message all fields, and many
chat templates take a ``tool_calls`` that is null for a call. ``datasets`` reads both as lists of
dictionaries. They are in the chat format that TRL and chat templates read; the tools are a column
of JSON texts.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa

from engines.chat.turns import turn_of
from schemas import MESSAGES, messages_of
from schemas.messages import PLAIN_MESSAGES

TOOLS = "tools"


def only_texts(frame: pl.DataFrame) -> bool:
    """Whether no message of ``frame`` has more than role and content. If this is so of all tables
    of an export, their messages become `plain`."""
    return all(
        count == messages.height
        for name in _chats(frame)
        for messages in [frame[name].drop_nulls().explode().struct.unnest()]
        for count in messages.drop("role", "content").null_count().row(0)
    )


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with messages of role and content only."""
    return frame.with_columns(pl.col(_chats(frame)).cast(PLAIN_MESSAGES))


def has_more_than_texts(frame: pl.DataFrame) -> bool:
    """Whether messages of ``frame`` are those of an export with more than texts."""
    return bool(_chats(frame))


def with_json_messages(frame: pl.DataFrame) -> pa.Table:
    """``frame`` with messages as JSON, and a column `TOOLS`."""
    chats = _chats(frame)
    table = frame.drop(chats).to_arrow()
    tools: list[str | None] = [None] * frame.height
    for name in chats:
        texts = []
        for row, cell in enumerate(frame[name]):
            messages = () if cell is None else messages_of(cell.to_list())
            texts.append(None if cell is None else [_text(message) for message in messages])
            tools[row] = next((m["tools"] for m in messages if "tools" in m), tools[row])
        listed = pa.array(texts, pa.list_(pa.string()))
        values = pa.ExtensionArray.from_storage(pa.json_(), listed.values)
        column = pa.ListArray.from_arrays(listed.offsets, values, mask=listed.is_null())
        table = table.append_column(name, column)
    table = table.append_column(TOOLS, pa.array(tools, pa.string()))
    return table.select([*frame.columns, TOOLS])


def _text(message: Mapping[str, Any]) -> str:
    turn = turn_of(message, reasoning=["reasoning_content"], parsed=True)
    return json.dumps(turn, ensure_ascii=False)


def _chats(frame: pl.DataFrame) -> list[str]:
    return [name for name, dtype in frame.schema.items() if dtype == MESSAGES]
