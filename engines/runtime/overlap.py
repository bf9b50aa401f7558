"""Runs tasks one after the other, of which the next begins before the last has ended.

A task is one part of a stage. It runs rows (`engines.operators.run_rows`) in a thread, and the
coroutines of all tasks are on one event loop. When a task has begun its last row, the next task
begins, so that a model has work while the last answers of a part come. At most two tasks run at
once, with at most a window of rows in flight together.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from engines.runtime.event_loop import (
    Stopped,
    interrupted_by_signals,
    rare_garbage_collection,
)
from engines.runtime.session import KEPT, KeptOpen
from engines.runtime.turn import Runs, Turn

Result = TypeVar("Result")
Returned = TypeVar("Returned")


def overlap(
    tasks: Iterable[Callable[[], Result]], then: Callable[[Result], None], *, window: int
) -> None:
    """Run ``tasks``, inside of `engines.runtime.kept_open`.

    Args:
        tasks: Each is called in a thread of its own. The next is taken when it may begin.
        then: Called with the results in the order of the tasks, each before a third task begins.
        window: The most rows in flight.

    Raises:
        Stopped: A signal stopped a run.
        Exception: What the first task that failed raised, or ``then``.
    """
    kept = KEPT.get()
    assert kept is not None
    loop, runs, waiting = kept.loop(_running_loop()), Runs(window), iter(tasks)
    begun: list[tuple[Future[Result], Turn]] = []

    def begin() -> None:
        """Begin the next task, unless the run ends."""
        failed = any(future.done() and future.exception() for future, _ in begun)
        task = None if failed or runs.stopped_by else next(waiting, None)
        if task is not None:
            turn = Turn(runs)
            theirs = replace(kept, loop=partial(_from_thread, loop), turn=turn)
            future = threads.submit(copy_context().run, _called, task, theirs)
            future.add_done_callback(lambda _: loop.call_soon_threadsafe(turn.end))
            begun.append((future, turn))

    def hand_over() -> None:
        then(begun.pop(0)[0].result())

    with (
        ThreadPoolExecutor(thread_name_prefix="part") as threads,
        interrupted_by_signals(runs.interrupt),
        rare_garbage_collection(),
    ):
        try:
            begin()
            while begun:
                kept.loop(begun[0][1].ended())
                begin()
                kept.loop(_done(begun[0][0]))
                handed = threads.submit(hand_over)
                kept.loop(_done(handed))
                handed.result()
            if runs.stopped_by:
                raise Stopped(f"stopped by {runs.stopped_by}; the same command resumes the run")
        finally:
            _end(kept, runs, [future for future, _ in begun])


def _end(kept: KeptOpen, runs: Runs, begun: Iterable[Future[Any]]) -> None:
    """Wait for the tasks that go on after a failure or a signal."""
    runs.stop("the failure of another part")
    try:
        if not runs.at_once:
            for future in begun:
                kept.loop(_done(future))
    finally:
        kept.loop(runs.cancel())
        for future in begun:
            kept.loop(_done(future))


def _called(task: Callable[[], Result], kept: KeptOpen) -> Result:
    KEPT.set(kept)
    return task()


def _from_thread(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Returned]) -> Returned:
    return asyncio.run_coroutine_threadsafe(work, loop).result()


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def _done(future: Future[Any]) -> None:
    """Wait for ``future``, whatever comes of it."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    future.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
    await done.wait()
