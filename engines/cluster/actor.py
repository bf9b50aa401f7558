"""What supervision needs of an actor, whatever runs it."""

from typing import Protocol


class GoneError(Exception):
    """An actor is dead or cannot be reached. The message says why."""


class Actor(Protocol):
    """A `engines.cluster.replica.Replica` in another process. Every method but `kill` may raise
    `GoneError`."""

    async def place(self) -> str:
        """Where it runs. Waits until the cluster has room for it."""
        ...

    async def open(self) -> str:
        """Open its engine. Returns the engine's revision. Raises `EngineError`."""
        ...

    def ask(self, message: bytes) -> None:
        """Send it calls."""
        ...

    async def answers(self) -> bytes:
        """Its next answers."""
        ...

    async def close(self) -> None:
        """Free the memory of its engine."""
        ...

    def kill(self) -> None:
        """End its process, or its wait for room."""
        ...
