"""What a source of prompts and a checker of answers are. `pocket` and anyone's package bring both
by import path, so neither has to know the factory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from schemas.ids import Message


class SourceRowError(ValueError):
    """One row of a source is unusable. ``row`` names it; the rest of the source goes on."""

    def __init__(self, row: str, reason: str) -> None:
        super().__init__(f"{row}: {reason}")
        self.row = row
        self.reason = reason


class PromptSource(Protocol):
    """Yields tasks in an order that never changes, so that a refresh can go on where it stopped."""

    def prompts(self, start: int = 0) -> Iterator[Mapping[str, Any] | SourceRowError]:
        """Rows from number ``start``: mappings with ``messages``, ``reference`` (or None),
        ``source``, ``source_revision`` and ``licence``, and perhaps ``row``, by which errors name
        it (a line of a file). An unusable row is yielded as an error."""
        ...


@runtime_checkable
class Stamped(Protocol):
    """A source that can tell, without reading its tasks, that it may have new ones."""

    def stamp(self) -> str:
        """A short text that changes when the source does: its files' sizes and times, its commit.
        Raises ValueError or OSError if the source cannot be asked."""
        ...


class Check(Protocol):
    """Is the answer that ``text`` gives right? Raises ValueError if ``reference`` says nothing."""

    def __call__(self, messages: Sequence[Message], reference: str | None, text: str) -> bool: ...
