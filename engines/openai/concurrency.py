"""How many requests a server takes at once: found by trying, as TCP finds how fast a network is.

The number doubles as long as answers come the oftener for it; after the first sign of overload it
grows by one a round of answers. Signs are a refusal for being busy (429, 503 and the like), a
request that was never answered, and answers that come no oftener though half as many requests again
are in flight. At a sign the number falls by a factor, once for all requests that had been sent
before it. A server that names a time gets it: nobody sends anything until then.
"""

import asyncio
import math
import random
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_FIRST = 16.0
"""Requests in flight to begin with."""
_FALL = 0.75
"""What is left of the number at a sign of overload."""
_CAUTION = 16.0
"""How many rounds of answers pass before a number that was too many is tried again."""
_STEP = 1.5
"""How many times as many requests must be in flight before their rate is compared."""
_GAIN = 0.1
"""The least share of the additional requests that must show as additional answers; below it they
only wait. A batching server gives as much until its rate is near its highest."""
_SMALL = 32
"""Answers, at least, over which a rate is measured; else a round of them."""


@dataclass
class _Measured:
    """Answers that came while all turns were taken, of which the first ``skipped`` were sent before
    there were so many; since ``began``, and over them the sum of requests in flight."""

    skipped: int = 0
    began: float = field(default_factory=time.monotonic)
    answers: int = 0
    in_flight: int = 0


class Pace:
    """The turns of one server's requests, for all event loops of the process."""

    def __init__(self) -> None:
        self.limit = _FIRST
        self._in_flight = 0
        self._waiting: deque[tuple[asyncio.Future[float], int]] = deque()
        self._lock = threading.Lock()
        self._too_many = math.inf
        self._doubling = True
        self._fell_at = 0.0
        self._closed_until = 0.0
        self._measured = _Measured(skipped=math.floor(_FIRST))
        self._reference: tuple[float, float] | None = None

    @asynccontextmanager
    async def turn(self, ceiling: int, *, again: bool = False) -> AsyncIterator[float]:
        """Wait for a turn and hold it; yields when the request may be sent (`time.monotonic`).

        Args:
            ceiling: the most requests in flight that this caller allows.
            again: whether the caller had a turn before and failed; it is let in first.
        """
        sent = await self._enter(ceiling, again)
        try:
            if (wait := self._closed_until - time.monotonic()) > 0:
                await asyncio.sleep(wait * random.uniform(1.0, 1.1))
                sent = time.monotonic()
            yield sent
        finally:
            with self._lock:
                self._in_flight -= 1
                self._admit()

    def answered(self, ceiling: int) -> None:
        """An answer came: from inside the turn. Where all turns were taken, allow more."""
        with self._lock:
            if self._in_flight < min(math.floor(self.limit), ceiling):
                # Nobody knows what the server does with more than it is sent.
                self._measured = _Measured()
                return
            if not self._doubling:
                careful = self.limit + 1 >= self._too_many
                step = 1 / self.limit / (_CAUTION if careful else 1)
                self._allow(self.limit + step, ceiling)
                if self.limit > self._too_many + 1:
                    self._too_many = math.inf
            self._measure(ceiling)
            self._admit()

    def _allow(self, limit: float, ceiling: int) -> None:
        if self.limit < ceiling:
            self.limit = min(limit, float(ceiling))

    def overloaded(self, sent: float, wait: float = 0.0) -> None:
        """A request sent at ``sent`` was too many; the server asks for ``wait`` seconds."""
        with self._lock:
            now = time.monotonic()
            self._closed_until = max(self._closed_until, now + wait)
            if sent > self._fell_at:
                self._fall(_FALL * self.limit)

    def _fall(self, limit: float) -> None:
        self._too_many = math.floor(self.limit)
        self._doubling = False
        self._fell_at = time.monotonic()
        self.limit = max(1.0, limit)
        self._measured, self._reference = _Measured(), None

    def _measure(self, ceiling: int) -> None:
        """Compare the rate of answers with that at fewer requests in flight."""
        measured = self._measured
        if measured.skipped > 0:
            measured.skipped -= 1
            measured.began = time.monotonic()
            return
        measured.answers += 1
        measured.in_flight += self._in_flight
        if measured.answers < max(_SMALL, self.limit):
            return
        level = measured.in_flight / measured.answers
        rate = measured.answers / max(time.monotonic() - measured.began, 1e-9)
        self._measured = _Measured()
        before, slower = self._reference or (math.inf, 0.0)
        if level >= _STEP * before and rate < slower * (1 + _GAIN * (level / before - 1)):
            self._fall(before)
            return
        if not _STEP * before > level >= before:
            self._reference = (level, rate)
        if self._doubling:
            self._measured.skipped = math.floor(self.limit)
            self._allow(2 * self.limit, ceiling)

    async def _enter(self, ceiling: int, again: bool) -> float:
        """When the turn was given, which may be a moment before this goes on."""
        with self._lock:
            if not self._waiting and self._room(ceiling):
                self._in_flight += 1
                return time.monotonic()
            granted: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            place = (granted, ceiling)
            if again:
                self._waiting.appendleft(place)
            else:
                self._waiting.append(place)
        try:
            return await granted
        except asyncio.CancelledError:
            with self._lock:
                if place in self._waiting:
                    self._waiting.remove(place)
                else:
                    self._in_flight -= 1
                self._admit()
            raise

    def _room(self, ceiling: int) -> bool:
        return self._in_flight < min(math.floor(self.limit), ceiling)

    def _admit(self) -> None:
        while self._waiting and self._room(self._waiting[0][1]):
            granted, _ = self._waiting.popleft()
            self._in_flight += 1
            granted.get_loop().call_soon_threadsafe(_grant, granted, time.monotonic())


def _grant(granted: asyncio.Future[float], now: float) -> None:
    if not granted.done():
        granted.set_result(now)
