"""What a source of prompts and a checker of answers are. `pocket` and anyone's package bring both
by import path, so neither has to know the factory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

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
        ``source``, ``source_revision`` and ``licence``; an unusable row is yielded as an error."""
        ...


class Check(Protocol):
    """Is the answer that ``text`` gives right? Raises ValueError if ``reference`` says nothing."""

    def __call__(self, messages: Sequence[Message], reference: str | None, text: str) -> bool: ...
