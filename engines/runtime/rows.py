"""Runs an operator's coroutine over a million rows, a bounded window of them in flight.

A row that fails is reported and the others go on; an engine or journal that fails stops the run, as
does a failure rate above the limit, or a signal. However it ends, what was answered is journaled:
the same command goes on from there.
"""

import asyncio
import gc
import itertools
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from engines.model import Models
from engines.operators.context import Context
from engines.protocol import EngineError, RowError
from engines.runtime.progress import Progress
from engines.runtime.session import Session

Item = TypeVar("Item")
Result = TypeVar("Result")

_GRACE = 20.0
"""Seconds that answers in flight are waited for after a signal; most supervisors kill after 30."""
_JUDGED_FROM = 20
"""Rows done before the failure rate is judged: one bad row of three is no rate."""
_TURN = 0.02
"""Seconds a worker may go on without giving way, when all it asks for is in the journal."""


class FailureLimitError(EngineError):
    """Too many rows failed: how many, why mostly, and that nothing paid for is lost."""


class Stopped(KeyboardInterrupt):
    """A signal stopped the run; the message says how far it came."""


def run_rows(
    items: Iterable[tuple[str, Item]],
    work: Callable[[Item, Models], Awaitable[Result]],
    context: Context,
    *,
    total: int,
    keep: Callable[[int, Item, Result], None],
    fail: Callable[[int, Item, str, str], None],
) -> None:
    """Await ``work`` for each of ``items`` (row id, item), at most ``context.window`` at once.

    ``keep(number, item, result)`` and ``fail(number, item, reason, message)`` are called as rows
    finish, in any order; ``number`` counts items from 0. An exception of ``keep`` fails its row.
    Items are taken only as there is room for them. ``total`` is for the progress shown.

    Raises `FailureLimitError`, `Stopped`, and any `EngineError` that is not a row's own.
    """
    run = _Run(items, work, context, total, keep, fail)
    started = time.perf_counter()
    try:
        with _signals(run), _rare_garbage_collection():
            _run_loop(run.main())
    finally:
        context.spent.model_seconds += time.perf_counter() - started
    if run.stopped_by:
        raise Stopped(
            f"{context.recipe}/{context.stage}: stopped by {run.stopped_by} after {run.done:,} of "
            f"{total:,} rows; every answer so far is in the journal, and the same command goes on "
            "from there"
        )


class _Run(Generic[Item, Result]):
    def __init__(
        self,
        items: Iterable[tuple[str, Item]],
        work: Callable[[Item, Models], Awaitable[Result]],
        context: Context,
        total: int,
        keep: Callable[[int, Item, Result], None],
        fail: Callable[[int, Item, str, str], None],
    ) -> None:
        self.items = zip(itertools.count(), items, strict=False)
        self.work, self.keep, self.fail = work, keep, fail
        self.context = context
        self.total = total
        self.session = Session(context)
        self.done = 0
        self.workers = max(1, min(context.window, total))
        self.failures: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.stopped_by = ""
        self.loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Future[None] | None = None
        self._gave_way = time.monotonic()

    async def main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = self.loop.create_future()
        with Progress(self.context, self.total) as progress:
            ticker = self.loop.create_task(self._show(progress))
            workers = [self.loop.create_task(self._worker()) for _ in range(self.workers)]
            finished = asyncio.gather(*workers)
            ends: set[asyncio.Future[Any]] = {finished, self._stop}
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                # What is in flight is paid for, whatever ended the run.
                await self.session.drain(_GRACE)
                if finished.done():
                    finished.result()
            finally:
                for task in (ticker, *workers):
                    task.cancel()
                await asyncio.gather(ticker, finished, *workers, return_exceptions=True)
                await self.session.close()
                progress.show(self.done)

    async def _show(self, progress: Progress) -> None:
        while True:
            progress.show(self.done)
            await asyncio.sleep(progress.interval)

    def stop(self) -> None:
        """Take no further item, wait a little for answers in flight, then end."""
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(None)

    async def _worker(self) -> None:
        for number, (row_id, item) in self.items:
            try:
                result = await self.work(item, Models(self.session, row_id))
                self.keep(number, item, result)
            except Exception as error:
                self._failed(number, row_id, item, error)
            self.done += 1
            now = time.monotonic()
            if now - self._gave_way > _TURN:
                self._gave_way = now
                await asyncio.sleep(0)
            if self.stopped_by:
                return

    def _failed(self, number: int, row_id: str, item: Item, error: Exception) -> None:
        own = _row_error(error)
        if own is None:
            raise error
        reason = "not answered" if type(own) is RowError else type(own).__name__
        self.fail(number, item, reason, str(own))
        self.failures[reason] += 1
        self.examples.setdefault(reason, f"row {row_id}: {own}")
        failed, done, limit = self.failures.total(), self.done + 1, self.context.failure_limit
        # Rows in flight count as good ones yet: refusals come at once, answers take their time.
        begun = max(done, min(self.total, done + self.workers - 1))
        if done >= _JUDGED_FROM and failed > limit * begun:
            common, rows = self.failures.most_common(1)[0]
            raise FailureLimitError(
                f"{self.context.recipe}/{self.context.stage}: {failed:,} of {done:,} rows failed "
                f"({failed / done:.0%}, the limit is {limit:.0%}), {rows:,} of them for "
                f"{common!r} ({self.examples[common]}). Every answer given is in the journal: "
                "mend the cause and give the same command"
            ) from own


def _row_error(error: BaseException) -> BaseException | None:
    """What failed one row alone; None if it would fail the others too."""
    if isinstance(error, BaseExceptionGroup):
        own = [_row_error(one) for one in error.exceptions]
        return None if None in own else own[0]
    everyones = isinstance(error, EngineError) and not isinstance(error, RowError)
    return None if everyones or isinstance(error, MemoryError) else error


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run ``main`` to its end, in another thread where this one's event loop is running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(main)
        return
    raised: list[BaseException] = []

    def target() -> None:
        try:
            asyncio.run(main)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=target, name="rows", daemon=True)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Thousands of calls in flight are thousands of live objects, which Python's collector walks
    over and over, with all that Polars and torch hold: half the time of a run of instant answers.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _signals(run: _Run[Any, Any]) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops the run in an orderly way, the second at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        name = signal.Signals(number).name
        if run.stopped_by or run.loop is None:
            raise Stopped(f"stopped at once by {name}; every answer so far is in the journal")
        run.stopped_by = name
        run.loop.call_soon_threadsafe(run.stop)
        print(
            f"{name}: waiting up to {_GRACE:.0f} s for answers in flight; again to stop at once",
            file=sys.stderr,
        )

    before = {which: signal.signal(which, stop) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
