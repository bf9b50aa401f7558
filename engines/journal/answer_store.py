"""The interface of a journal to a session of models."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from engines.journal.identity import Verb


class AnswerStore(Protocol):
    """Answers of models by key (`engines.journal.identity`)."""

    def model(self, engine: str, revision: str, name: str) -> int:
        """The number of a model. ``name`` is only shown to people."""
        ...

    def find(self, keys: Sequence[bytes], model: int, verb: Verb) -> dict[bytes, bytes]:
        """The answers of those ``keys`` that have one."""
        ...

    def keep(
        self, model: int, verb: Verb, answers: Iterable[tuple[bytes, bytes]]
    ) -> asyncio.Future[dict[bytes, bytes]]:
        """Store (key, answer) pairs. The future is done when they are stored, and gives the stored
        answers by their keys: where another process was first, its answer."""
        ...

    def close(self) -> None:
        """Free the file."""
        ...
