"""How a row of somebody's data becomes a prompt: which column says what."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from schemas import SourceRowError

ROLES = ("system", "user", "assistant")


class SourceError(ValueError):
    """A source of prompts cannot be read at all: which, why, and what to do."""


class Columns(BaseModel):
    """What the columns of a source hold.

    ``prompt`` names a column of texts, ``messages`` one of chats (lists of ``{role, content}``, or
    their JSON); give one of them, or neither for a column called ``prompt``. ``reference`` names
    the column of right answers. ``system`` is put before prompts without a system message.
    ``licence`` is the data's, as its card says it: it travels with every prompt.
    ``name`` is what the prompts' source is called (by default after the file or dataset).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str | None = None
    messages: str | None = None
    reference: str | None = None
    system: str | None = None
    licence: str
    name: str | None = None

    @model_validator(mode="after")
    def _one_task(self) -> "Columns":
        if self.prompt is not None and self.messages is not None:
            raise ValueError("'prompt' and 'messages' both say what the task is: give one of them")
        return self

    @property
    def task(self) -> str:
        """The column that holds the task."""
        return self.messages or self.prompt or "prompt"

    @property
    def needed(self) -> list[str]:
        """The columns that are read."""
        return [self.task] + ([self.reference] if self.reference else [])

    def require(self, present: Iterable[str], where: str) -> None:
        """Raise `SourceError` if a needed column is not among those ``present`` in ``where``."""
        present = list(present)
        for column in self.needed:
            if column not in present:
                field = "reference" if column == self.reference else "prompt"
                has = ", ".join(map(repr, present)) or "none"
                raise SourceError(
                    f"{where} has no column {column!r}; it has {has}. Say which one holds the "
                    + ("right answers" if field == "reference" else "task")
                    + f", as in `{field}: {next(iter(present), 'question')}`"
                    + ("" if field == "reference" else " (or `messages:` for a column of chats)")
                )

    def read(
        self, row: Mapping[str, Any], *, where: str, source: str, revision: str
    ) -> dict[str, Any] | SourceRowError:
        """The prompt that ``row`` holds, or what is wrong with it; ``where`` names the row."""
        try:
            return {
                "messages": self._messages(row),
                "reference": self._reference(row),
                "source": self.name or source,
                "source_revision": revision,
                "licence": self.licence,
            }
        except ValueError as error:
            return SourceRowError(where, str(error))

    def _messages(self, row: Mapping[str, Any]) -> list[dict[str, str]]:
        column = self.task
        if column not in row:
            raise ValueError(f"no column {column!r}; the row has {', '.join(map(repr, row))}")
        if self.messages is None:
            messages = [{"role": "user", "content": _text(row[column], f"column {column!r}")}]
        else:
            messages = _chat(row[column], f"column {column!r}")
        if self.system is not None and messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": self.system})
        return messages

    def _reference(self, row: Mapping[str, Any]) -> str | None:
        value = None if self.reference is None else row.get(self.reference)
        if value is None or value == "":
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return _text(value, f"column {self.reference!r}")


def _text(value: Any, what: str) -> str:
    if value is None:
        raise ValueError(f"{what} is null")
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text, not {type(value).__name__} {str(value)[:80]!r}")
    if not value.strip():
        raise ValueError(f"{what} is empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what} is not whole text (another encoding than UTF-8, or half a character): "
            f"{error.reason} at character {error.start}"
        ) from None
    return value


def _chat(value: Any, what: str) -> list[dict[str, str]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"{what} is text but not the JSON of a chat: {error}") from None
    if not isinstance(value, list) or not value:
        raise ValueError(
            f"{what} must be a list of messages {{role, content}}, not "
            + (
                "an empty list"
                if value == []
                else "null"
                if value is None
                else type(value).__name__
            )
        )
    messages = []
    for number, message in enumerate(value):
        named = f"message {number} of {what}"
        if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
            raise ValueError(f"{named} must have 'role' and 'content', got {str(message)[:80]!r}")
        if message["role"] not in ROLES:
            raise ValueError(f"{named} has role {message['role']!r}, not one of {', '.join(ROLES)}")
        content = _text(message["content"], f"the content of {named}")
        messages.append({"role": message["role"], "content": content})
    if messages[-1]["role"] != "user":
        raise ValueError(f"{what} must end with a message of the user, who asks")
    return messages
