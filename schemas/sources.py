"""The interfaces of prompt sources and of checks. `pocket` and users' packages have both, named by
import path, so they do not need to import the factory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from schemas.messages import Message


class SourceRowError(ValueError):
    """One row of a source is unusable. ``row`` names it. Other rows can still be used."""

    def __init__(self, row: str, reason: str) -> None:
        super().__init__(f"{row}: {reason}")
        self.row = row
        self.reason = reason


class PromptSource(Protocol):
    """Yields tasks in a fixed order, so that a refresh can resume where the last one stopped."""

    def prompts(self, start: int = 0) -> Iterator[Mapping[str, Any] | SourceRowError]:
        """Rows from number ``start``: mappings with ``messages``
        (`schemas.Message`, or as OpenAI has them), ``reference`` (or None),
        ``source``, ``source_revision`` and ``licence``, and optionally ``row``, a name for error
        messages (such as a line of a file). An unusable row is yielded as an error."""
        ...


@runtime_checkable
class Stamped(Protocol):
    """A source that shows, without reading its tasks, whether it may have new ones."""

    def stamp(self) -> str:
        """A short text that changes when the source does: its files' sizes and times, its commit.
        Raises ValueError or OSError if the source cannot be read."""
        ...


@runtime_checkable
class KnowsReferences(Protocol):
    """A source that knows, without reading its tasks, whether any can have a reference."""

    @property
    def has_references(self) -> bool:
        """Whether tasks can have references. Each may still lack one."""
        ...


class Check(Protocol):
    """Is the answer of ``text`` right? Raises ValueError if ``reference`` is unusable."""

    def __call__(self, messages: Sequence[Message], reference: str | None, text: str) -> bool: ...
