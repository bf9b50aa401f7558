"""A run's event loop, signals and garbage collection."""

import asyncio
import gc
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

Returned = TypeVar("Returned")

GRACE = 20.0
"""Seconds to wait for answers in flight after a signal. Most supervisors kill after 30."""
REPEAT = 0.5
"""Signals within so many seconds are one: GNU's timeout sends its own to the process and then to
the process group, and runners such as uv pass on a Ctrl-C that the terminal has sent already."""


class Stopped(KeyboardInterrupt):
    """A signal stopped the run. The message says how many rows were done."""


def stopped_at_once(signal_name: str) -> Stopped:
    """What the second signal raises."""
    return Stopped(f"stopped at once by {signal_name}; every answer so far is in the journal")


def say_stopping(signal_name: str) -> None:
    """Say what the first signal leads to."""
    print(
        f"{signal_name}: waiting up to {GRACE:.0f} s for answers in flight; again to stop at once",
        file=sys.stderr,
    )


class RunCoroutine(Protocol):
    """Runs a coroutine to its end."""

    def __call__(self, work: Coroutine[Any, Any, Returned], /) -> Returned:
        """What it returns."""
        ...


@contextmanager
def event_loop() -> Iterator[RunCoroutine]:
    """A function that runs coroutines to their end on one loop. It uses another thread if this one
    already runs a loop, as in a notebook."""
    runner = asyncio.Runner()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with runner:
            yield runner.run
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="rows") as thread:
        try:
            yield lambda work: thread.submit(runner.run, work).result()
        finally:
            thread.submit(runner.close).result()


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Make garbage collection rare.

    Thousands of calls in flight are thousands of live objects. The collector visits them again and
    again, with all objects of Polars and torch: half the time of a run with instant answers.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def interrupted_by_signals(interrupt: Callable[[str], None]) -> Iterator[None]:
    """Call ``interrupt`` with the name of each SIGINT or SIGTERM that is no repeat (`REPEAT`). Only
    in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    heard = -math.inf

    def stop(number: int, frame: object) -> None:
        nonlocal heard
        if time.monotonic() - heard < REPEAT:
            return
        heard = time.monotonic()
        interrupt(signal.Signals(number).name)

    before = {which: signal.signal(which, stop) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
