"""What the runs of overlapping tasks (`engines.runtime.overlap`) share: a window, and their end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol

from engines.runtime.event_loop import Stopped, say_stopping, stopped_at_once


class Interruptible(Protocol):
    """A run of rows."""

    def stop(self, why: str, /) -> None:
        """Begin no more rows, wait a little for answers in flight, then end. From any thread."""

    def cancel(self) -> None:
        """End at once. On the event loop."""


class Runs:
    """The runs of all tasks: the window that they share, and how they are stopped."""

    def __init__(self, window: int) -> None:
        self.slots = asyncio.Semaphore(window)
        self.running: list[Interruptible] = []
        self.stopped_by = ""
        self.at_once = False
        self.ended = 0.0

    def interrupt(self, signal_name: str) -> None:
        """At the first signal, stop all runs. At the second, raise `Stopped`."""
        if self.stopped_by:
            self.at_once = True
            raise stopped_at_once(signal_name)
        self.stop(signal_name)
        say_stopping(signal_name)

    def stop(self, why: str) -> None:
        """Stop all runs, and refuse others."""
        self.stopped_by = self.stopped_by or why
        for run in list(self.running):
            run.stop(self.stopped_by)

    async def cancel(self) -> None:
        """End all runs at once."""
        for run in list(self.running):
            run.cancel()


class Turn:
    """What the run of one task needs to know of the others."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._next = asyncio.Event()

    @property
    def slots(self) -> asyncio.Semaphore:
        """The rows that may be in flight. A worker has one as long as it takes rows."""
        return self._runs.slots

    def end(self) -> None:
        """All rows have begun, so the next task may begin. Called on the event loop."""
        self._next.set()

    async def ended(self) -> None:
        """Wait until the next task may begin."""
        await self._next.wait()

    @contextmanager
    def taken_by(self, run: Interruptible) -> Iterator[None]:
        """``run`` is stopped by signals, and by the failure of another task."""
        self._runs.running.append(run)
        try:
            if self._runs.stopped_by:
                raise Stopped(f"stopped by {self._runs.stopped_by}")
            yield
        finally:
            self._runs.running.remove(run)

    def alone_since(self, started: float) -> float:
        """From when on a run that began at ``started`` and ends now was the oldest one, so that no
        second counts twice."""
        since = max(started, self._runs.ended)
        self._runs.ended = perf_counter()
        return since
