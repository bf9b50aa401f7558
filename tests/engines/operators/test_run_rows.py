"""A window of rows in flight; whatever ends a run, its answers are kept."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engines.journal.errors import JournalError
from engines.model import Models
from engines.operators.run_rows import Done, Failed, FailureLimitError, run_rows
from engines.protocol import EngineError, RowError
from engines.runtime import event_loop

SCRIPT = Path(__file__).with_name("interrupted.py")


class Collected:
    """The outcomes of rows, by their numbers."""

    def __init__(self, outcomes: Iterable[Done[Any, Any] | Failed[Any]]) -> None:
        self.kept: dict[int, Any] = {}
        self.failed: dict[int, tuple[Any, str, str]] = {}
        for one in outcomes:
            if isinstance(one, Done):
                self.kept[one.number] = one.result
            else:
                self.failed[one.number] = (one.item, one.reason, one.message)


def run(work: Any, context: Any, count: int = 100) -> Collected:
    items = ((f"row {n}", n) for n in range(count))
    return Collected(run_rows(items, work, context, total=count))


async def twice(number: int, models: Models) -> int:
    for _ in range(number % 7):
        await asyncio.sleep(0)
    return 2 * number


@pytest.mark.parametrize("window", [1, 3, 1000])
def test_every_row_is_run_with_a_bounded_number_in_flight(stand: Any, window: int) -> None:
    taken = finished = most = 0

    def items() -> Iterator[tuple[str, int]]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield str(number), number

    async def work(number: int, models: Models) -> int:
        nonlocal finished, most
        most = max(most, taken - finished)
        doubled = await twice(number, models)
        finished += 1
        return doubled

    collected = Collected(run_rows(items(), work, stand.context(window=window), total=100))
    assert collected.kept == {number: 2 * number for number in range(100)}
    assert most <= window


def test_a_stage_that_calls_no_model_needs_no_journal(stand: Any) -> None:
    run(twice, stand.context())
    assert not (stand.folder / "journal.sqlite").exists()


def test_a_row_that_fails_is_named_with_its_reason(stand: Any) -> None:
    async def work(number: int, models: Models) -> int:
        if number == 3:
            raise RowError("the prompt is too long")
        if number == 5:
            raise ValueError("no number in 'none'")
        if number == 7:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(int, "seven"))
        return number

    collected = run(work, stand.context(), 10)
    assert collected.failed[3] == (3, "not answered", "the prompt is too long")
    assert collected.failed[5] == (5, "ValueError", "no number in 'none'")
    assert collected.failed[7][1] == "ValueError"
    assert sorted(collected.kept) == [0, 1, 2, 4, 6, 8, 9]


@pytest.mark.parametrize("window", [4, 500])
def test_no_more_outcomes_wait_than_rows_are_in_flight(stand: Any, window: int) -> None:
    finished = most = 0

    async def work(number: int, models: Models) -> int:
        nonlocal finished
        finished += 1
        return number

    items = ((str(number), number) for number in range(20_000))
    for taken, _ in enumerate(run_rows(items, work, stand.context(window=window), total=20_000)):
        most = max(most, finished - taken)
    assert most <= 4 * window + 1000


def test_a_reader_that_stops_early_ends_the_run(stand: Any) -> None:
    before = signal.getsignal(signal.SIGINT)
    items = ((str(number), number) for number in range(20_000))
    with closing(iter(run_rows(items, twice, stand.context(window=4), total=20_000))) as outcomes:
        next(outcomes)
    assert signal.getsignal(signal.SIGINT) is before
    assert next(items)[1] < 1000


@pytest.mark.parametrize(
    "error",
    [
        EngineError("the server is gone"),
        JournalError("disk full"),
        ImportError("No module named x"),
    ],
)
def test_what_would_fail_every_row_stops_the_run(stand: Any, error: Exception) -> None:
    async def work(number: int, models: Models) -> int:
        if number == 40:
            raise error
        if number == 41:
            async with asyncio.TaskGroup() as group:
                group.create_task(work(40, models))
        return number

    with pytest.raises(type(error), match=str(error)):
        run(work, stand.context(window=8))


def test_too_many_failures_stop_the_run_and_are_explained(stand: Any) -> None:
    async def work(number: int, models: Models) -> int:
        if number % 3:
            raise RowError("out of context")
        return number

    started = []

    async def counted(number: int, models: Models) -> int:
        started.append(number)
        return await work(number, models)

    with pytest.raises(FailureLimitError) as caught:
        run(counted, stand.context(window=4, failure_limit=0.5), 1000)
    said = str(caught.value)
    assert "recipe/stage: 13 of 20 rows failed (65%, the limit is 50%)" in said
    assert "'not answered' (row row 1: out of context)" in said
    assert "Every answer given is in the journal" in said
    assert len(started) < 30
    assert len(run(work, stand.context(failure_limit=0.7), 999).failed) == 666
    assert len(run(work, stand.context(failure_limit=0.5), 15).failed) == 10


def test_rows_that_fail_at_once_are_judged_with_those_in_flight(stand: Any) -> None:
    answered = asyncio.Event()

    async def work(number: int, models: Models) -> int:
        if number < 40:
            raise RowError("refused at once")
        if number == 99:
            answered.set()
        await answered.wait()
        return number

    collected = run(work, stand.context(window=100, failure_limit=0.5), 100)
    assert (len(collected.kept), len(collected.failed)) == (60, 40)
    with pytest.raises(FailureLimitError, match="31 of 31 rows failed"):
        run(work, stand.context(window=100, failure_limit=0.3), 100)


def test_it_runs_where_an_event_loop_runs_already(stand: Any) -> None:
    async def caller() -> Collected:
        return run(twice, stand.context())

    assert len(asyncio.run(caller()).kept) == 100


def test_an_error_reaches_a_caller_whose_event_loop_runs(stand: Any) -> None:
    async def work(number: int, models: Models) -> None:
        await models.nobody.generate([{"role": "user", "content": "?"}])

    async def caller() -> None:
        run(work, stand.context())

    with pytest.raises(EngineError, match=r"'nobody', which is not bound.*judge, policy"):
        asyncio.run(caller())


def test_it_runs_in_any_thread(stand: Any) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(run(twice, stand.context())))
    thread.start()
    thread.join()
    assert len(found[0].kept) == 100


def test_signal_handlers_are_put_back(stand: Any) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run(twice, stand.context())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_replay_leaves_signals_alone(stand: Any) -> None:
    async def work(number: int, models: Models) -> None:
        seen.append(signal.getsignal(signal.SIGTERM))

    before, seen = signal.getsignal(signal.SIGTERM), []
    run(work, stand.context(transcript=lambda asked: None), 1)
    assert seen == [before]


def test_progress_goes_to_stderr(stand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(twice, stand.context(progress=True))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "recipe/stage: 100 of 100 rows" in shown.err


def test_failures_of_a_few_rows_are_told_with_their_place(
    stand: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(number: int, models: Models) -> int:
        if number == 2:
            raise RowError("the prompt is too long")
        return number // number

    run(work, stand.context(progress=True), 3)
    told = capsys.readouterr().err
    assert "recipe/stage: 1 of 3 rows failed, not answered: row row 2: the prompt is too" in told
    assert "1 of 3 rows failed, ZeroDivisionError: row row 0: " in told
    assert f"({__file__}, line " in told


def test_all_found_in_the_journal_still_lets_a_signal_in(stand: Any) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def work(number: int, models: Models) -> None:
        if number == 0:
            counting.append(asyncio.create_task(count()))
        sum(range(20_000))

    counting: list[asyncio.Task[None]] = []
    run(work, stand.context(window=1), 500)
    assert turns > 3


def start(folder: Path, rows: int, delay: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(rows), str(delay)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read(process: "subprocess.Popen[str]", lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(lines)]


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_answers_in_flight(which: signal.Signals, tmp_path: Path) -> None:
    with start(tmp_path, 2000, 5) as process:
        asked = read(process, 300)
        process.send_signal(which)
        assert process.stdout is not None
        assert process.stderr is not None
        asked += process.stdout.read().split()
        said = process.stderr.read()
    assert process.returncode == 3
    assert f"stopped by {which.name} after" in said
    assert "of 2,000 rows; every answer so far is in the journal" in said
    assert len(asked) < 2000
    with sqlite3.connect(tmp_path / "journal.sqlite") as journal:
        kept = {key.hex() for (key,) in journal.execute("SELECT key FROM answers")}
    assert kept == set(asked)


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    with start(tmp_path, 100, -1) as process:
        read(process, 1)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "SIGTERM: waiting up to 20 s" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)  # As GNU's timeout does: this is the first one again.
        time.sleep(event_loop.REPEAT)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert process.returncode == 3
    assert "stopped at once by SIGTERM" in said
