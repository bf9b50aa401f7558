"""Runs an operator's coroutine over a million rows, a bounded window of them in flight.

A row that fails is one outcome among others; an engine or journal that fails stops the run, as does
a failure rate above the limit, or a signal. However it ends, what was answered is journaled: the
same command goes on from there.
"""

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engines.context import Context
from engines.model import Models
from engines.protocol import EngineError, RowError
from engines.runtime.event_loop import (
    event_loop,
    interrupted_by_signals,
    rare_garbage_collection,
)
from engines.runtime.progress import Progress
from engines.runtime.session import Session
from schemas import Usage

Item = TypeVar("Item")
Result = TypeVar("Result")

_GRACE = 20.0
"""Seconds that answers in flight are waited for after a signal; most supervisors kill after 30."""
_JUDGED_FROM = 20
"""Rows done before the failure rate is judged: one bad row of three is no rate."""
_TURN = 0.02
"""Seconds a worker may go on without giving way, when all it asks for is in the journal."""
_BATCH = 256
"""Outcomes that are handed over at once: the event loop stands still meanwhile."""


class FailureLimitError(EngineError):
    """Too many rows failed: how many, why mostly, and that nothing paid for is lost."""


class Stopped(KeyboardInterrupt):
    """A signal stopped the run; the message says how far it came."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Item, Result]):
    """The ``result`` of an item; ``number`` counts items from 0."""

    number: int
    item: Item
    result: Result


@dataclass(frozen=True, slots=True)
class Failed(Generic[Item]):
    """An item whose coroutine raised: the ``reason`` that is counted, and the error's message."""

    number: int
    item: Item
    reason: str
    message: str


class RowRun(Generic[Item, Result]):
    """A run of one coroutine over many items. Iterate over it, once, for the outcome of each item,
    in the order in which they end; items are taken from their source only meanwhile.

    Raises `FailureLimitError`, `Stopped`, and any `EngineError` that is not a row's own.
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
        self._gave_way = time.monotonic()

    @property
    def usage(self) -> Usage:
        """What the models have cost up to now."""
        return self._session.usage

    @property
    def counts(self) -> Counter[str]:
        """What the coroutine has counted in its ``models.counts`` up to now."""
        return self._session.counts

    def __iter__(self) -> Generator[Done[Item, Result] | Failed[Item], None, None]:
        started = time.perf_counter()
        try:
            with (
                interrupted_by_signals(self.interrupt),
                rare_garbage_collection(),
                event_loop() as run,
            ):
                while batch := run(self._batch()):
                    yield from batch
        finally:
            self.usage.model_seconds += time.perf_counter() - started
        if self._stopped_by:
            raise Stopped(
                f"{self._context.recipe}/{self._context.stage}: stopped by {self._stopped_by} "
                f"after {self._done:,} of {self._total:,} rows; every answer so far is in the "
                "journal, and the same command goes on from there"
            )

    async def _batch(self) -> list[Done[Item, Result] | Failed[Item]]:
        """The outcomes since the last batch; none when all items have ended."""
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
        with Progress(self._context, self._total, self.usage) as progress:
            ticker = loop.create_task(self._show(progress))
            workers = [loop.create_task(self._worker()) for _ in range(self._workers)]
            finished = asyncio.gather(*workers)
            ends: set[asyncio.Future[Any]] = {finished, self._stop}
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                # What is in flight is paid for, whatever ended the run.
                await self._session.drain(_GRACE)
                if finished.done():
                    finished.result()
            finally:
                for task in (ticker, *workers):
                    task.cancel()
                await asyncio.gather(ticker, finished, *workers, return_exceptions=True)
                await self._session.close()
                progress.show(self._done)

    async def _show(self, progress: Progress) -> None:
        while True:
            progress.show(self._done)
            await asyncio.sleep(progress.interval)

    def interrupt(self, signal_name: str) -> None:
        """The first time take no further item, wait a little for answers in flight, then end; the
        second time end at once."""
        if self._stopped_by or self._loop is None:
            raise Stopped(
                f"stopped at once by {signal_name}; every answer so far is in the journal"
            )
        self._stopped_by = signal_name
        self._loop.call_soon_threadsafe(self._end)
        print(
            f"{signal_name}: waiting up to {_GRACE:.0f} s for answers in flight; again to stop at "
            "once",
            file=sys.stderr,
        )

    def _end(self) -> None:
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(None)

    async def _worker(self) -> None:
        for number, (row_id, item) in self._items:
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
        own = _row_error(error)
        if own is None:
            raise error
        reason = "not answered" if type(own) is RowError else type(own).__name__
        self._failures[reason] += 1
        self._examples.setdefault(reason, f"row {row_id}: {own}")
        failed, done = self._failures.total(), self._done + 1
        limit = self._context.failure_limit
        # Rows in flight count as good ones yet: refusals come at once, answers take their time.
        begun = max(done, min(self._total, done + self._workers - 1))
        if done >= _JUDGED_FROM and failed > limit * begun:
            common, rows = self._failures.most_common(1)[0]
            raise FailureLimitError(
                f"{self._context.recipe}/{self._context.stage}: {failed:,} of {done:,} rows failed "
                f"({failed / done:.0%}, the limit is {limit:.0%}), {rows:,} of them for "
                f"{common!r} ({self._examples[common]}). Every answer given is in the journal: "
                "mend the cause and give the same command"
            ) from own
        return Failed(number, item, reason, str(own))


def run_rows(
    items: Iterable[tuple[str, Item]],
    work: Callable[[Item, Models], Awaitable[Result]],
    context: Context,
    *,
    total: int,
) -> RowRun[Item, Result]:
    """Await ``work`` for each of ``items``, at most ``context.window`` at once.

    Args:
        items: (row id, item); they are taken as there is room for them.
        work: the coroutine of one item, with the models that it may call.
        context: where and for whom the stage runs.
        total: number of items, for the progress shown.
    """
    return RowRun(items, work, context, total=total)


def _row_error(error: BaseException) -> BaseException | None:
    """What failed one row alone; None if it would fail the others too."""
    if isinstance(error, BaseExceptionGroup):
        own = [_row_error(one) for one in error.exceptions]
        return None if None in own else own[0]
    everyones = isinstance(error, EngineError) and not isinstance(error, RowError)
    return None if everyones or isinstance(error, MemoryError) else error
