"""How a row of a dataset becomes a prompt: what each column holds."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from engines.operators.system_turns import with_system
from generators.sources.chats import asked_of, chat, one_text, whole_text
from generators.sources.tool_use import tools_text, with_tools
from schemas import Message, SourceRowError

TOOLS = "tools"
"""The column of the tools if none is named."""


class SourceError(ValueError):
    """A source of prompts cannot be read. The message says which source, why, and what to do."""


class Columns(BaseModel):
    """What the columns of a source hold.

    ``prompt`` names a column of texts or chats. ``messages`` names a column of chats
    (`generators.sources.chats`, or their JSON). Give one of them; without either the column is
    ``prompt``. A final answer in a chat is left out: the prompt is what comes before it.
    ``tools`` names the column of the tools that the assistant may call (default: ``tools``, if
    there is such a column). ``reference`` names the column of right answers: texts, or numbers,
    which stay as written in the file. A name with dots reads inside a column: ``answer.value``,
    ``answers.text.0``. ``system`` is put before prompts without a system message. ``licence`` is
    that of the data, as its card states it; every prompt records it. ``name`` is the name of the
    source (default: that of the file or dataset).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str | None = None
    messages: str | None = None
    tools: str | None = None
    reference: str | None = None
    system: str | None = None
    licence: str
    name: str | None = None

    @model_validator(mode="after")
    def _one_task(self) -> "Columns":
        if self.prompt is not None and self.messages is not None:
            raise ValueError(
                "'prompt' and 'messages' both name the prompt's column: give one of them"
            )
        return self

    @property
    def task(self) -> str:
        """The column that holds the prompt."""
        return self.messages or self.prompt or "prompt"

    @property
    def has_references(self) -> bool:
        """Whether a column of right answers is named."""
        return self.reference is not None

    @property
    def needed(self) -> list[str]:
        """The names of the columns to read, which may contain dots."""
        named = (self.task, self.tools, self.reference)
        return [column for column in named if column is not None]

    def needed_of(self, present: Sequence[str]) -> list[str]:
        """The columns of ``present`` that must be read."""
        found = (_top(column, present) for column in [*self.needed, TOOLS])
        return list(dict.fromkeys(name for name in found if name is not None))

    def require(self, present: Iterable[str], where: str) -> None:
        """Check that every needed column is among those ``present``.

        Raises:
            SourceError: a column is missing. The message names ``where``.
        """
        present = list(present)
        for column in self.needed:
            if _top(column, present) is None:
                fields = {self.reference: "reference", self.tools: "tools"}
                field = fields.get(column, "prompt")
                has = ", ".join(map(repr, present)) or "none"
                meant = _meant(column, [name for name in present if name not in self.needed])
                raise SourceError(
                    f"{where} has no column {column!r}; it has {has}. Say which one holds the "
                    + ("right answers" if field == "reference" else field)
                    + f", as in `{field}: {meant}`"
                    + (" (or `messages:` for a column of chats)" if field == "prompt" else "")
                )

    def read(
        self, row: Mapping[str, Any], *, where: str, source: str, revision: str
    ) -> dict[str, Any] | SourceRowError:
        """The prompt in ``row``, or the error if it has none. ``where`` names the row in errors."""
        try:
            return {
                "messages": self._messages(row),
                "reference": self._reference(row),
                "source": self.name or source,
                "source_revision": revision,
                "licence": self.licence,
                "row": where,
            }
        except ValueError as error:
            return SourceRowError(where, str(error))

    def _messages(self, row: Mapping[str, Any]) -> list[Message]:
        column = self.task
        if _top(column, list(row)) is None:
            raise ValueError(f"no column {column!r}; the row has {', '.join(map(repr, row))}")
        value, what = value_at(row, column), f"column {column!r}"
        if self.messages is not None and isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{what} is text but not the JSON of a chat: {error}") from None
        if self.messages is not None or _is_chat(value):
            messages = asked_of(chat(value, what), what)
            column = self.tools or TOOLS
            tools = tools_text(value_at(row, column), f"column {column!r}")
            messages = with_tools(messages, tools, f"column {column!r}")
        else:
            messages = [{"role": "user", "content": whole_text(one_text(value, what), what)}]
        return list(messages if self.system is None else with_system(messages, self.system))

    def _reference(self, row: Mapping[str, Any]) -> str | None:
        value = None if self.reference is None else value_at(row, self.reference)
        return reference_text(value, f"column {self.reference!r}")


def reference_text(value: Any, what: str) -> str | None:
    """A right answer as text, or None if there is none. A number stays as written in the file.

    Raises:
        ValueError: the value is neither text, nor a finite number, nor a date. The message names
            ``what``.
    """
    if value is None or value == "":
        return None
    if type(value) is date:
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return whole_text(value, what)
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}: not a finite number")
    return str(value)


def value_at(row: Mapping[str, Any], column: str) -> Any:
    """The value of ``column`` in ``row``. If no column has this name, its dots are followed:
    ``answer.value``, ``choices.0.text``. None if there is no value."""
    if column in row:
        return row[column]
    found: Any = row
    for name in column.split("."):
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, Sequence) and not isinstance(found, str) and name.isdecimal():
            found = found[int(name)] if int(name) < len(found) else None
        else:
            return None
    return found


def _meant(column: str, others: Sequence[str]) -> str:
    """The name of ``others`` that is ``column`` but for case and spaces, or the first one, as YAML
    has it."""
    folded = {name.strip().casefold(): name for name in others}
    name = folded.get(column.casefold(), next(iter(others), "question"))
    return name if re.fullmatch(r"[\w.-]+(?: [\w.-]+)*", name) else repr(name)


def _is_chat(value: Any) -> bool:
    """Whether the value is a list of messages (and not a list of parts of one message)."""
    return isinstance(value, list) and any(
        isinstance(each, Mapping) and ("role" in each or "from" in each) for each in value
    )


def _top(column: str, present: Sequence[str]) -> str | None:
    """The name in ``present`` of the column that ``column`` is or is inside of."""
    names = (column, column.partition(".")[0])
    return next((name for name in names if name in present), None)
