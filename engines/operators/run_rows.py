"""Runs an operator's coroutine over up to a million rows, with a limited number in flight.

A failed row is one of the outcomes. A failure of an engine or of the journal stops the run, and so
does a failure rate above the limit, or a signal. All answers are journaled, so the same command
resumes the run.
"""

import asyncio
import itertools
import sys
import sysconfig
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engines.context import Context
from engines.model import Models
from engines.protocol import EngineError, RowError
from engines.runtime.event_loop import (
    GRACE,
    Stopped,
    event_loop,
    interrupted_by_signals,
    rare_garbage_collection,
    say_stopping,
    stopped_at_once,
)
from engines.runtime.progress import Progress
from engines.runtime.session import KEPT, Session
from schemas import Usage

Item = TypeVar("Item")
Result = TypeVar("Result")

_JUDGED_FROM = 20
"""Rows that must be done before the failure rate counts: one failed row of three is not a rate."""
_TURN = 0.02
"""Seconds after which a worker yields to the event loop, even if all its answers are journaled."""
_BATCH = 256
"""Outcomes that are handed over at once. The event loop is paused meanwhile."""


class FailureLimitError(EngineError):
    """Too many rows failed. The message has their number and the main reason."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Item, Result]):
    """The ``result`` of an item. ``number`` counts items from 0."""

    number: int
    item: Item
    result: Result


@dataclass(frozen=True, slots=True)
class Failed(Generic[Item]):
    """An item whose coroutine failed: the ``reason``, which is counted, and the error's message."""

    number: int
    item: Item
    reason: str
    message: str


class RowRun(Generic[Item, Result]):
    """A run of one coroutine over many items.

    Iterate over it once: it yields the outcome of each item, in the order in which they end. Items
    are taken from their source during the iteration.

    Raises:
        FailureLimitError: too many rows failed.
        Stopped: a signal stopped the run.
        EngineError: an engine or the journal failed.
    """

    def __init__(
        self,
        items: Iterable[tuple[str, Item]],
        work: Callable[[Item, Models], Awaitable[Result]],
        context: Context,
        *,
        total: int,
    ) -> None:
        self._items = zip(itertools.count(), items, strict=False)
        self._work = work
        self._context = context
        self._total = total
        self._session = Session(context)
        kept = KEPT.get()
        self._turn = None if kept is None else kept.turn
        self._kept_loop = None if kept is None else kept.loop
        self._done = 0
        self._workers = max(1, min(context.window, total))
        self._failures: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._stopped_by = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._stop: asyncio.Future[None] | None = None
        self._ended: list[Done[Item, Result] | Failed[Item]] = []
        self._full: asyncio.Future[None] | None = None
        self._gave_way = self._began = time.monotonic()

    @property
    def usage(self) -> Usage:
        """The usage of the models up to now."""
        return self._session.usage

    @property
    def counts(self) -> Counter[str]:
        """The counts of the coroutine (``models.counts``) up to now."""
        return self._session.counts

    def __iter__(self) -> Generator[Done[Item, Result] | Failed[Item], None, None]:
        started = time.perf_counter()
        try:
            with (
                self._interruptible(),
                event_loop() if self._kept_loop is None else nullcontext(self._kept_loop) as run,
            ):
                while batch := run(self._batch()):
                    yield from batch
        finally:
            seconds = time.perf_counter() - started
            self.usage.model_seconds += seconds if self._turn is None else self._turn.seconds
        if self._stopped_by:
            raise Stopped(
                f"{self._context.recipe}/{self._context.stage}: stopped by {self._stopped_by} "
                f"after {self._done:,} of {self._total:,} rows; every answer so far is in the "
                "journal, and the same command resumes the run"
            )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Signals end the run, and garbage collection is rare."""
        if self._turn is not None:  # which sees to both, for all runs
            with self._turn.taken_by(self):
                yield
            return
        with (
            # A trace replays a run: it has nothing in flight and nothing to resume.
            interrupted_by_signals(self.interrupt)
            if self._context.transcript is None
            else nullcontext(),
            rare_garbage_collection(),
        ):
            yield

    async def _batch(self) -> list[Done[Item, Result] | Failed[Item]]:
        """The outcomes since the last batch; empty when all items have ended."""
        self._loop = asyncio.get_running_loop()
        if self._main is None:
            self._main = self._loop.create_task(self._run())
        if len(self._ended) < _BATCH:
            self._full = self._loop.create_future()
            await asyncio.wait({self._main, self._full}, return_when=asyncio.FIRST_COMPLETED)
        batch, self._ended = self._ended, []
        if not batch:
            self._main.result()
        return batch

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._stop = loop.create_future()
        if self._stopped_by:
            self._end()
        context = self._context
        with Progress(
            f"{context.recipe}/{context.stage}",
            self._total,
            of="rows",
            shown=context.progress,
            alone=self._turn is None,
        ) as progress:
            self._began = time.monotonic()
            ticker = loop.create_task(self._show(progress))
            workers = [loop.create_task(self._worker()) for _ in range(self._workers)]
            finished = asyncio.gather(*workers)
            ends: set[asyncio.Future[Any]] = {finished, self._stop}
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                # Requests in flight are paid for, so wait for them in any case.
                await self._session.drain(GRACE)
                if finished.done():
                    finished.result()
            finally:
                for task in (ticker, *workers):
                    task.cancel()
                await asyncio.gather(ticker, finished, *workers, return_exceptions=True)
                await self._session.close()
                progress.show(self._done, self._rates)
        if context.progress:
            self._tell_failures()

    def _tell_failures(self) -> None:
        """Say how many rows failed, with the reasons and an example of each."""
        for reason, rows in self._failures.most_common():
            print(
                f"{self._context.recipe}/{self._context.stage}: {rows:,} of {self._done:,} rows "
                f"failed, {reason}: {self._examples[reason]}",
                file=sys.stderr,
            )

    async def _show(self, progress: Progress) -> None:
        while True:
            progress.show(self._done, self._rates)
            await asyncio.sleep(progress.interval)

    @property
    def _rates(self) -> str:
        seconds, usage = max(time.monotonic() - self._began, 1e-3), self.usage
        figures = [
            f"{self._done / seconds:,.1f} rows/s, {usage.tokens / seconds:,.0f} tokens/s, "
            f"{usage.journal_hits:,} answers from the journal",
            *self._session.replicas,
        ]
        return ", ".join(figures)

    def interrupt(self, signal_name: str) -> None:
        """At the first signal, take no more items, wait a little for answers in flight, then end.
        At the second, end at once."""
        if self._stopped_by or self._loop is None:
            raise stopped_at_once(signal_name)
        self.stop(signal_name)
        say_stopping(signal_name)

    def stop(self, reason: str) -> None:
        """Take no more items, wait a little for answers in flight, then raise `Stopped`."""
        self._stopped_by = self._stopped_by or reason
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)

    def cancel(self) -> None:
        """End at once. Called on the event loop."""
        if self._main is not None:
            self._main.cancel()

    def _end(self) -> None:
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(None)

    async def _worker(self) -> None:
        if self._turn is None:
            await self._take_items()
            return
        async with self._turn.slots:
            await self._take_items()
        self._turn.end()

    async def _take_items(self) -> None:
        for number, (row_id, item) in self._items:
            if self._context.ledger is not None:
                self._context.ledger.begin(self._context.stage, row_id)
            try:
                result = await self._work(item, Models(self._session, row_id))
                self._ended.append(Done(number, item, result))
            except Exception as error:
                self._ended.append(self._failed(number, row_id, item, error))
            self._done += 1
            if len(self._ended) >= _BATCH:
                if self._full is not None and not self._full.done():
                    self._full.set_result(None)
                await asyncio.sleep(0)
            elif (now := time.monotonic()) - self._gave_way > _TURN:
                self._gave_way = now
                await asyncio.sleep(0)
            if self._stopped_by:
                return

    def _failed(self, number: int, row_id: str, item: Item, error: Exception) -> Failed[Item]:
        cause = _row_error(error)
        if cause is None:
            raise error
        reason = "not answered" if type(cause) is RowError else type(cause).__name__
        self._failures[reason] += 1
        self._examples.setdefault(reason, f"row {row_id}: {cause}{_place(cause)}")
        failed, done = self._failures.total(), self._done + 1
        limit = self._context.failure_limit
        # Rows in flight count as successes for now: refusals are quick, answers take longer.
        started = max(done, min(self._total, done + self._workers - 1))
        if done >= _JUDGED_FROM and failed > limit * started:
            common, rows = self._failures.most_common(1)[0]
            raise FailureLimitError(
                f"{self._context.recipe}/{self._context.stage}: {failed:,} of {done:,} rows failed "
                f"({failed / done:.0%}, the limit is {limit:.0%}), {rows:,} of them for "
                f"{common!r} ({self._examples[common]}). Every answer given is in the journal: "
                "correct the cause and run the same command again"
            ) from cause
        return Failed(number, item, reason, str(cause))


def run_rows(
    items: Iterable[tuple[str, Item]],
    work: Callable[[Item, Models], Awaitable[Result]],
    context: Context,
    *,
    total: int,
) -> RowRun[Item, Result]:
    """Await ``work`` for each of ``items``, at most ``context.window`` at once.

    Args:
        items: (row id, item). An item is taken when there is room in the window.
        work: the coroutine of one item, with the models that it may call.
        context: the stage's context.
        total: the number of items, for the progress bar.
    """
    return RowRun(items, work, context, total=total)


def _place(error: BaseException) -> str:
    """File and line of the project that raised an error which no operator means to raise: the last
    one outside installed packages. Empty for a `RowError`."""
    if isinstance(error, RowError):
        return ""
    installed = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(installed)]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _row_error(error: BaseException) -> BaseException | None:
    """The error if it concerns one row; None if it concerns all rows."""
    if isinstance(error, BaseExceptionGroup):
        causes = [_row_error(inner) for inner in error.exceptions]
        return None if None in causes else causes[0]
    general = isinstance(error, EngineError) and not isinstance(error, RowError)
    return None if general or isinstance(error, (ImportError, MemoryError)) else error
