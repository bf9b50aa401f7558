"""The next part of a stage begins while the last rows of this one are answered; never a third."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from engines.model import Models
from engines.operators.run_rows import Failed, run_rows
from engines.protocol import EngineError
from engines.runtime import event_loop, turn
from engines.runtime.event_loop import Stopped
from engines.runtime.kept_open import kept_open
from engines.runtime.overlap import overlap

Row = tuple[int, int]
"""A row: the number of its part, and its number in it."""
Work = Callable[[Row, Models], Awaitable[Any]]


def parts(work: Work, context: Any, count: int, rows: int) -> Iterator[Callable[[], Any]]:
    """Tasks that run ``rows`` rows each."""

    def part(number: int) -> int:
        items = ((f"{number} {row}", (number, row)) for row in range(rows))
        outcomes = list(run_rows(items, work, context, total=rows))
        assert not [one for one in outcomes if isinstance(one, Failed)]
        return number

    return (partial(part, number) for number in range(count))


def run(work: Work, context: Any, *, count: int = 3, rows: int = 8) -> list[int]:
    """The numbers of the parts that ended, in the order in which they were handed over."""
    ended: list[int] = []
    with kept_open():
        overlap(
            parts(work, context, count, rows),
            ended.append,
            window=context.window,
        )
    return ended


def test_rows_of_the_next_part_begin_before_the_last_answer_but_no_third_part(stand: Any) -> None:
    begun: list[Row] = []
    answered = asyncio.Event()

    async def work(row: Row, models: Models) -> None:
        begun.append(row)
        if row == (1, 7):
            answered.set()
        if row == (0, 0):
            await asyncio.wait_for(answered.wait(), 30)
            for _ in range(50):
                await asyncio.sleep(0)
            assert {part for part, _ in begun} == {0, 1}

    assert run(work, stand.context(window=4)) == [0, 1, 2]
    assert sorted(begun) == [(part, row) for part in range(3) for row in range(8)]


def test_both_parts_share_the_window(stand: Any) -> None:
    now = most = 0

    async def work(row: Row, models: Models) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(row[1] % 5):
            await asyncio.sleep(0)
        now -= 1

    assert run(work, stand.context(window=3), count=4, rows=20) == [0, 1, 2, 3]
    assert most == 3


def test_a_part_without_rows_is_followed(stand: Any) -> None:
    async def work(row: Row, models: Models) -> None:
        raise AssertionError

    assert run(work, stand.context(), rows=0) == [0, 1, 2]


def test_a_failure_stops_the_part_that_has_begun_and_no_other_begins(stand: Any) -> None:
    begun: list[Row] = []
    followed = asyncio.Event()

    async def work(row: Row, models: Models) -> None:
        begun.append(row)
        if row == (0, 0):
            await asyncio.wait_for(followed.wait(), 30)
            raise EngineError("the server is gone")
        if row[0] == 1:
            followed.set()
            await asyncio.Event().wait()

    with pytest.raises(EngineError, match="the server is gone"):
        run(work, stand.context(window=4))
    assert {part for part, _ in begun} == {0, 1}


def test_a_failure_of_the_next_part_leaves_this_one_to_end(stand: Any) -> None:
    failed = asyncio.Event()
    begun: set[int] = set()

    async def work(row: Row, models: Models) -> None:
        begun.add(row[0])
        if row == (0, 0):
            await asyncio.wait_for(failed.wait(), 30)
        if row[0] == 1:
            failed.set()
            raise EngineError("the server is gone")

    ended: list[int] = []
    context = stand.context(window=4)
    with pytest.raises(EngineError, match="the server is gone"), kept_open():
        overlap(parts(work, context, 3, 8), ended.append, window=4)
    assert ended == [0]
    assert begun == {0, 1}


def test_what_is_done_with_a_part_may_fail(stand: Any) -> None:
    async def work(row: Row, models: Models) -> None:
        pass

    def full(part: Any) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"), kept_open():
        overlap(parts(work, stand.context(), 3, 8), full, window=4)
    assert not [one for one in threading.enumerate() if one.name.startswith("part")]


def test_a_signal_stops_parts_that_call_no_model(
    stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = [], []
    told = threading.Event()
    monkeypatch.setattr(turn, "say_stopping", lambda signal_name: told.set())

    def part(number: int) -> int:
        begun.append(number)
        os.kill(os.getpid(), signal.SIGTERM)
        told.wait()
        return number

    with pytest.raises(Stopped, match="stopped by SIGTERM"), kept_open():
        overlap((partial(part, number) for number in range(3)), ended.append, window=4)
    assert begun == ended == [0]


def test_signals_after_the_second_wait_for_the_end_of_the_parts(
    stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    monkeypatch.setattr(turn, "say_stopping", lambda signal_name: told.set())
    monkeypatch.setattr(event_loop, "REPEAT", 0.0)

    async def work(row: Row, models: Models) -> None:
        if row == (0, 0):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.to_thread(told.wait)
            os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:  # the row is cancelled
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped, match="stopped at once by SIGTERM"):
        run(work, stand.context(window=4))
    assert not [one for one in threading.enumerate() if one.name.startswith("part")]


def test_seconds_of_two_parts_at_once_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Run:
        def stop(self, why: str, /) -> None: ...

        def cancel(self) -> None: ...

    now = 0.0
    monkeypatch.setattr(turn, "perf_counter", lambda: now)
    runs = turn.Runs(4)
    first, second = turn.Turn(runs), turn.Turn(runs)
    with first.taken_by(Run()):
        now = 100.0
        with second.taken_by(Run()):
            now = 180.0
        now = 200.0
    assert first.seconds + second.seconds == 200.0
    now = 300.0
    with first.taken_by(Run()):
        now = 301.0
    assert first.seconds == 1.0


@pytest.mark.parametrize("at_once", [False, True])
def test_signals_stop_both_parts(
    stand: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    at_once: bool,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    begun: list[Row] = []
    told = threading.Event()

    def say_stopping(signal_name: str) -> None:
        event_loop.say_stopping(signal_name)
        told.set()

    monkeypatch.setattr(turn, "say_stopping", say_stopping)
    monkeypatch.setattr(event_loop, "REPEAT", 0.0)

    async def work(row: Row, models: Models) -> None:
        begun.append(row)
        if row == (1, 2):
            os.kill(os.getpid(), signal.SIGTERM)
            if at_once:
                # Two signals at the same moment may arrive as one.
                await asyncio.to_thread(told.wait)
                os.kill(os.getpid(), signal.SIGTERM)
        if row[0] == 1 or row == (0, 0):
            await asyncio.Event().wait()

    said = "stopped at once by SIGTERM" if at_once else "stopped by SIGTERM after 7 of 8 rows"
    with pytest.raises(Stopped, match=said):
        run(work, stand.context(window=4))
    assert {part for part, _ in begun} == {0, 1}
    assert capsys.readouterr().err.count("SIGTERM: waiting up to 20 s") == 1
    assert signal.getsignal(signal.SIGTERM) is before
