"""How long a call waits for a server that is down or busy, and when it stops trying."""

import math
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, wait_exponential, wait_random_exponential

FIRST_WAIT = 0.5
"""Seconds before the second try; each further wait is twice as long."""
LONGEST_WAIT = 10.0
"""A restarted server is found again within this many seconds of its first answer."""

_LEAST = 0.01
"""Less than this is no wait: a server that asks for it would be asked in a tight loop."""
_EPOCH = 1e9
"""A number that is larger is no wait but a time since 1970: 30 years."""
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_DURATION = re.compile(f"(?:{_PART.pattern})+")
_NOTHING = re.compile(r"0*(?:\.0*)?")
_USED_UP = re.compile(r"\b(?:r|remaining)=0\b[^,]*?[;,]\s*(?:t|reset)=(\d+)")


class RetryBudget:
    """The ``wait`` and ``stop`` of `tenacity` for one call to a server.

    ``wait``: the seconds that the failed answer asks for; without them, seconds that grow twofold.
    All are spread at random, so that a thousand calls that failed together do not come back
    together. ``stop``: whether the waits would exceed ``seconds`` since the call's first failure.
    """

    def __init__(
        self, seconds: float, headers: Callable[[BaseException], Mapping[str, str]]
    ) -> None:
        """
        Args:
            headers: those of the answer that a failure is about; empty where no answer came.
        """
        self.seconds = seconds
        self._headers = headers
        self._deadline = math.inf
        self._asked = 0.0
        half, longest = FIRST_WAIT / 2, LONGEST_WAIT / 2
        # Of at least half the length: a server that fails at once is not asked in a tight loop.
        self._growing = wait_exponential(half, longest) + wait_random_exponential(half, longest)

    def wait(self, state: RetryCallState) -> float:
        """Seconds until the next try."""
        now = time.monotonic()
        self._deadline = min(self._deadline, now + self.seconds)
        failure = state.outcome.exception() if state.outcome is not None else None
        self._asked = asked_wait(self._headers(failure)) if failure is not None else 0.0
        if self._asked:
            return self._asked * random.uniform(1.0, 1.1)
        return min(self._growing(state), max(self._deadline - now, 0.0))

    def stop(self, state: RetryCallState) -> bool:
        """Whether there is no further try."""
        now = time.monotonic()
        return now >= self._deadline or now + self._asked > self._deadline


def asked_wait(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks for before the next request; 0 where it names none.

    Its Retry-After (RFC 9110, 10.2.3) or ``retry-after-ms``; without them the longest of the
    rate limits that are used up: ``x-ratelimit-reset-requests: 6m0s`` and the like, as seconds, a
    duration, a time of day or seconds (or milliseconds) since 1970, and ``ratelimit: r=0;t=30``.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    if "retry-after-ms" in headers:
        return _seconds(f"{headers['retry-after-ms'].strip()}ms")
    if "retry-after" in headers:
        return _seconds(headers["retry-after"])
    waits = [0.0]
    for name, value in headers.items():
        if "ratelimit" in name and "reset" in name:
            left = headers.get(name.replace("reset", "remaining"), "0")
            waits.append(_seconds(value) if _NOTHING.fullmatch(left.strip()) else 0.0)
        elif name == "ratelimit":
            waits += map(float, _USED_UP.findall(value))
    return max(waits)


def _seconds(value: str) -> float:
    """Seconds from now, of a number, a duration, a date or a time since 1970; 0 if it is none."""
    value = value.strip()
    now = datetime.now(UTC)
    try:
        seconds = float(value)
        if seconds > _EPOCH:
            seconds = (seconds / 1000 if seconds > 1000 * _EPOCH else seconds) - now.timestamp()
    except ValueError:
        if _DURATION.fullmatch(value):
            seconds = sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(value))
        else:
            seconds = (_date(value) or now).timestamp() - now.timestamp()
    return seconds if seconds >= _LEAST and math.isfinite(seconds) else 0.0


def _date(value: str) -> datetime | None:
    """The time that HTTP's form or ISO 8601 gives; None if it is neither."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        except (TypeError, ValueError, OverflowError):
            continue
    return None
