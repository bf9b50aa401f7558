"""How long a call waits for a server that is down or busy, and when it stops retrying."""

import math
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, wait_exponential, wait_random_exponential

FIRST_WAIT = 0.5
"""Seconds before the second try. Each further wait is twice as long."""
LONGEST_WAIT = 10.0
"""The longest wait in seconds, and so the most time until a restarted server is used again."""

_LEAST = 0.01
"""Shorter waiting times are ignored: they would give a tight loop."""
_EPOCH = 1e9
"""A larger number is a time since 1970, not a waiting time: it is 30 years."""
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_DURATION = re.compile(f"(?:{_PART.pattern})+")
_NOTHING = re.compile(r"0*(?:\.0*)?")
_USED_UP = re.compile(r"\b(?:r|remaining)=0\b[^,]*?[;,]\s*(?:t|reset)=(\d+)")


class RetryBudget:
    """The ``wait`` and ``stop`` of `tenacity` for one call to a server.

    ``wait``: the seconds that the failed answer names, else seconds that double. Waits are
    randomised, so that a thousand calls that failed together are not retried together. ``stop``:
    whether the waits would exceed ``seconds`` since the call's first failure.
    """

    def __init__(
        self, seconds: float, headers: Callable[[BaseException], Mapping[str, str]]
    ) -> None:
        """
        Args:
            seconds: the total waiting time.
            headers: gives the headers of a failed answer; empty if there was no answer.
        """
        self.seconds = seconds
        self._headers = headers
        self._deadline = math.inf
        self._asked = 0.0
        half, longest = FIRST_WAIT / 2, LONGEST_WAIT / 2
        # At least half the full wait: a server that fails at once is not called in a tight loop.
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
    """Seconds that a server asks to wait before the next request; 0 if it names none.

    From Retry-After (RFC 9110, 10.2.3) or ``retry-after-ms``. Without them, from the longest rate
    limit that is used up: headers such as ``x-ratelimit-reset-requests: 6m0s`` (seconds, a
    duration, a date, or seconds or milliseconds since 1970) and ``ratelimit: r=0;t=30``.
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
    """Seconds from now for a number, a duration, a date or a time since 1970; 0 for others."""
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
    """The time of a date in HTTP's format or ISO 8601; None if it is neither."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = read(value)
            return date if date.tzinfo else date.replace(tzinfo=UTC)
        except (TypeError, ValueError, OverflowError):
            continue
    return None
