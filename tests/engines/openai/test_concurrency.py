"""As many requests in flight as a server takes, found by trying. Time is played."""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from engines.openai import concurrency as module
from engines.openai.concurrency import Pace


class Played(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time."""

    def __init__(self) -> None:
        self.now = 1000.0
        loop = self

        class Jump(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> Any:
                loop.now += timeout or 0.0
                return super().select(0)

        super().__init__(Jump())

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    def run(main: Coroutine[Any, Any, Any]) -> Any:
        loop = Played()
        monkeypatch.setattr(module, "time", loop)
        try:
            return loop.run_until_complete(main)
        finally:
            loop.close()

    return run


class Hidden:
    """Works on ``capacity`` requests at a time, a second each, refuses others or lets them wait."""

    def __init__(self, capacity: int, *, refuses: bool) -> None:
        self.capacity, self.refuses = capacity, refuses
        self.at_work = self.refused = self.answered = self.most = 0
        self.room = asyncio.Semaphore(capacity)

    async def ask(self, pace: Pace, ceiling: int, tries: int = 0) -> None:
        async with pace.turn(ceiling, again=tries > 0) as sent:
            if self.refuses and self.at_work >= self.capacity:
                self.refused += 1
                await asyncio.sleep(0.01)
                pace.overloaded(sent)
            else:
                self.at_work += 1
                self.most = max(self.most, self.at_work)
                async with self.room:
                    await asyncio.sleep(random.uniform(0.5, 1.5))
                self.at_work -= 1
                self.answered += 1
                pace.answered(ceiling)
                return
        await asyncio.sleep(1)
        await self.ask(pace, ceiling, tries + 1)


async def asked(server: Hidden, count: int, ceiling: int = 64) -> float:
    began = asyncio.get_running_loop().time()
    pace = Pace()
    await asyncio.gather(*(server.ask(pace, ceiling) for _ in range(count)))
    return count / (asyncio.get_running_loop().time() - began)


@pytest.mark.parametrize("capacity", [1, 3, 12, 40])
def test_a_server_that_refuses_is_kept_busy_and_refuses_little(
    capacity: int, play: Callable[[Any], float]
) -> None:
    server = Hidden(capacity, refuses=True)
    rate = play(asked(server, 2000))
    assert server.answered == 2000
    assert rate > 0.85 * capacity
    assert server.refused < 0.15 * 2000


def test_a_server_that_takes_all_gets_as_many_as_allowed(play: Callable[[Any], float]) -> None:
    server = Hidden(1000, refuses=False)
    assert play(asked(server, 3000)) > 0.8 * 64
    assert server.most == 64


def test_a_ceiling_is_never_passed(play: Callable[[Any], float]) -> None:
    server = Hidden(1000, refuses=False)
    play(asked(server, 100, ceiling=3))
    assert server.most == 3


def test_requests_that_would_only_wait_are_not_sent(play: Callable[[Any], float]) -> None:
    server = Hidden(8, refuses=False)
    assert play(asked(server, 3000, ceiling=512)) > 0.9 * 8
    assert server.most < 256


def test_nobody_sends_while_a_server_asks_for_peace(play: Callable[[Any], list[float]]) -> None:
    async def run() -> list[float]:
        loop, pace, sent = asyncio.get_running_loop(), Pace(), []

        async def one() -> None:
            async with pace.turn(64):
                sent.append(loop.time())

        async with pace.turn(64) as began:
            pace.overloaded(began, wait=30.0)
        await asyncio.gather(*(one() for _ in range(50)))
        return [moment - began for moment in sent]

    assert all(30 <= moment <= 34 for moment in play(run()))


def test_one_burst_of_refusals_is_one_sign(play: Callable[[Any], float]) -> None:
    async def run() -> float:
        pace = Pace()

        async def one() -> None:
            async with pace.turn(64) as sent:
                await asyncio.sleep(1)
                pace.overloaded(sent)

        before = pace.limit
        await asyncio.gather(*(one() for _ in range(int(before))))
        return pace.limit / before

    assert 0.5 < play(run()) < 1


def test_a_caller_that_gives_up_frees_its_turn(play: Callable[[Any], None]) -> None:
    async def run() -> None:
        pace = Pace()

        async def hold() -> None:
            async with pace.turn(1):
                await asyncio.sleep(10)

        calls = [asyncio.create_task(hold()) for _ in range(5)]
        for at in (2, 0, 1):
            await asyncio.sleep(1)
            calls[at].cancel()
        await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 25)

    play(run())


def test_who_failed_is_let_in_before_who_never_asked(play: Callable[[Any], list[str]]) -> None:
    async def run() -> list[str]:
        pace, order = Pace(), []

        async def one(name: str, again: bool) -> None:
            async with pace.turn(1, again=again):
                order.append(name)
                await asyncio.sleep(1)

        async with asyncio.TaskGroup() as group:
            for name, again in [("first", False), ("second", False), ("failed", True)]:
                group.create_task(one(name, again))
        return order

    assert play(run()) == ["first", "failed", "second"]
