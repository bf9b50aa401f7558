"""What a file of decisions holds, whatever its format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assets.config.errors import FactoryError
from assets.review.items import Item
from engines.operators.prompt_templates import message_text
from schemas import Message

TEXTS = ("prompt", "left", "right")
IDS = ("left_id", "right_id")


@dataclass(frozen=True)
class Judged:
    """A reviewer's decision about a pair. ``at`` is the time in UTC (ISO 8601), None if the format
    has none. ``where`` is the place in the file."""

    reviewer: str
    choice: str
    comment: str
    at: str | None
    where: str = ""


@dataclass(frozen=True)
class Entry:
    """A pair in a file, and the decisions about it. ``fields`` holds ``pair_id``, `IDS`, `TEXTS`,
    ``recipe`` and ``refresh``; a file of another tool may lack some."""

    fields: Mapping[str, Any]
    judged: Sequence[Judged] = ()
    where: str = ""


class Format(Protocol):
    """A module that writes and reads a format. ``read`` raises `WrongFileError`."""

    def write(self, entries: Iterable[Entry]) -> bytes: ...

    def read(self, content: bytes) -> Iterator[Entry]: ...


class WrongFileError(FactoryError):
    """A file cannot be read: ``field`` of ``where`` is wrong."""

    def __init__(self, where: str, field: str, problem: str) -> None:
        self.where, self.field, self.problem = where, field, problem
        super().__init__(": ".join(filter(None, (where, field, problem))))


def pair_fields(item: Item) -> dict[str, str]:
    """The fields of a pair as they are written to a file. They do not tell its label."""
    left, right = (item.side(place) for place in ("left", "right"))
    return {
        "pair_id": item.pair_id,
        "recipe": item.recipe,
        "refresh": item.refresh,
        "prompt": _text(item.row["prompt"]),
        "left_id": item.row[f"{left}_id"],
        "left": _text(item.row[left]),
        "right_id": item.row[f"{right}_id"],
        "right": _text(item.row[right]),
    }


def _text(messages: Sequence[Message]) -> str:
    """The text of one message; of several, each after its role."""
    if len(messages) == 1:
        return message_text(messages[0])
    return "\n\n".join(f"{each['role']}: {message_text(each)}" for each in messages)
