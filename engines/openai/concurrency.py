"""Adapts the number of requests in flight to a server's capacity, as TCP congestion control does.

The limit doubles while that raises the rate of answers. After the first sign of overload it grows
by one per round of answers. Signs of overload are: a busy server (429, 503 and others), a request
without an answer, and a rate that does not rise although 1.5 times as many requests are in flight.
At a sign the limit falls by a factor, once for all requests that were sent before it. If the server
names a time to wait, no request is sent until then.
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
"""The first limit of requests in flight."""
_FALL = 0.75
"""The factor of the limit at a sign of overload."""
_CAUTION = 16.0
"""The rounds of answers before a limit that was too high is tried again."""
_STEP = 1.5
"""Two rates are compared if their requests in flight differ by at least this factor."""
_GAIN = 0.1
"""The least relative gain in rate per relative gain in requests. Below it, additional requests only
wait. A batching server is above it until its rate is near its maximum."""
_SMALL = 32
"""A rate is measured over at least this many answers, and at least one round."""


@dataclass
class _Measured:
    """A measurement of the rate of answers while the limit is reached.

    Attributes:
        skipped: the answers still to skip, since their requests were sent under a lower limit.
        began: the start of the measurement (`time.monotonic`).
        answers: the answers since then.
        in_flight: the sum of requests in flight over these answers.
    """

    skipped: int = 0
    began: float = field(default_factory=time.monotonic)
    answers: int = 0
    in_flight: int = 0


class Pace:
    """Limits the requests in flight to one server, over all event loops of the process."""

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
        """Wait for a turn and keep it inside the context.

        Args:
            ceiling: the most requests in flight that this caller allows.
            again: whether this is a retry. Retries go first.

        Yields:
            The time at which the request may be sent (`time.monotonic`).
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
        """Report an answer, inside the turn. Raises the limit if it was reached."""
        with self._lock:
            if self._in_flight < min(math.floor(self.limit), ceiling):
                # Below the limit, nothing is learnt about the limit.
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
        """Report that a request sent at ``sent`` was too many. The server asks to wait ``wait``
        seconds."""
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
        """Compare the rate of answers with the rate at fewer requests in flight."""
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
        """The time at which the turn was granted. The coroutine may resume a little later."""
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
