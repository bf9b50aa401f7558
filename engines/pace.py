"""How many requests a server takes at once: found by trying, as TCP finds how fast a network is.

More are tried as long as answers come: one more with each answer until the first sign of overload,
then one more a round of answers. Signs are a refusal for being busy (429, 503 and the like), a
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

_FIRST = 8.0
"""Requests in flight to begin with."""
_FALL = 0.7
"""What is left of the number at a sign of overload."""
_CAUTION = 8.0
"""How many rounds of answers pass before a number that was too many is tried again."""
_STEP = 1.5
"""How many times as many requests must be in flight before their rate is compared."""
_GAIN = 0.2
"""The least share of the additional requests that must show as additional answers: below it they
only wait. Batching servers give 0.3 and more up to what their memory holds."""
_ROUNDS = 2
_SMALL = 16
"""Answers over which a rate is measured: rounds of them, and at least so many."""


@dataclass
class _Measured:
    """Answers since ``began``, and over them the sum of requests in flight."""

    began: float = field(default_factory=time.monotonic)
    answers: int = 0
    in_flight: int = 0


class Pace:
    """The turns of one server's requests, for all event loops of the process."""

    def __init__(self) -> None:
        self.limit = _FIRST
        self._in_flight = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._lock = threading.Lock()
        self._too_many = math.inf
        self._doubling = True
        self._fell_at = 0.0
        self._closed_until = 0.0
        self._measured = _Measured()
        self._reference: tuple[float, float] | None = None

    @asynccontextmanager
    async def turn(self, ceiling: int, *, again: bool = False) -> AsyncIterator[float]:
        """Wait for a turn and hold it; yields when the request may be sent (`time.monotonic`).

        Args:
            ceiling: the most requests in flight that this caller allows.
            again: whether the caller had a turn before and failed; it is let in first.
        """
        await self._enter(ceiling, again)
        try:
            if (wait := self._closed_until - time.monotonic()) > 0:
                await asyncio.sleep(wait * random.uniform(1.0, 1.1))
            yield time.monotonic()
        finally:
            with self._lock:
                self._in_flight -= 1
                self._admit()

    def answered(self, ceiling: int) -> None:
        """An answer came: from inside the turn. Where all turns were taken, allow more."""
        with self._lock:
            if self._in_flight < math.floor(self.limit):
                # Nobody knows what the server does with more than it is sent.
                self._measured = _Measured()
                return
            step = 1.0 if self._doubling else 1.0 / self.limit
            if self.limit + step >= self._too_many:
                step = 1.0 / self.limit / _CAUTION
            if self.limit < ceiling:
                self.limit = min(self.limit + step, float(ceiling))
            if self.limit > self._too_many + 1:
                self._too_many = math.inf
            self._measure()
            self._admit()

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

    def _measure(self) -> None:
        """Compare the rate of answers with that at fewer requests in flight."""
        measured = self._measured
        measured.answers += 1
        measured.in_flight += self._in_flight
        if measured.answers < max(_SMALL, _ROUNDS * self.limit):
            return
        level = measured.in_flight / measured.answers
        rate = measured.answers / max(time.monotonic() - measured.began, 1e-9)
        self._measured = _Measured()
        if self._reference is None or level < self._reference[0]:
            self._reference = (level, rate)
            return
        before, slower = self._reference
        if level < _STEP * before:
            return
        if rate < slower * (1 + _GAIN * (level / before - 1)):
            self._fall(min(before, _FALL * self.limit))
        else:
            self._reference = (level, rate)

    async def _enter(self, ceiling: int, again: bool) -> None:
        with self._lock:
            if not self._waiting and self._room(ceiling):
                self._in_flight += 1
                return
            granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            place = (granted, ceiling)
            if again:
                self._waiting.appendleft(place)
            else:
                self._waiting.append(place)
        try:
            await granted
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
            granted.get_loop().call_soon_threadsafe(_grant, granted)


def _grant(granted: asyncio.Future[None]) -> None:
    if not granted.done():
        granted.set_result(None)
