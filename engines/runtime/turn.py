"""What the runs of overlapping tasks (`engines.runtime.overlap`) share: a window, and their end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
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
        self._counted = 0.0
        self._counting = Lock()

    def interrupt(self, signal_name: str) -> None:
        """At the first signal, stop all runs. At the second, raise `Stopped`. A third changes
        nothing: the threads of the tasks wait for the event loop to end them."""
        if self.at_once:
            return
        if self.stopped_by:
            self.at_once = True
            raise stopped_at_once(signal_name)
        self.stop(signal_name)
        say_stopping(signal_name)

    def begin(self, run: Interruptible) -> None:
        """``run`` begins."""
        with self._counting:
            if not self.running:
                self._counted = perf_counter()
            self.running.append(run)

    def end(self, run: Interruptible) -> float:
        """``run`` ends. The seconds that no run counted yet in which one was running."""
        with self._counting:
            self.running.remove(run)
            before, self._counted = self._counted, perf_counter()
            return self._counted - before

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
        self.seconds = 0.0

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
        """``run`` is stopped by signals, and by the failure of another task. It counts its
        ``seconds``, those of two runs at once only once."""
        self._runs.begin(run)
        try:
            if self._runs.stopped_by:
                raise Stopped(f"stopped by {self._runs.stopped_by}")
            yield
        finally:
            self.seconds = self._runs.end(run)
