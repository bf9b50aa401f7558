"""How long a call waits for a server that is down or busy, and when it gives up."""

import math
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT = 0.5
"""Seconds before the second try; each further wait is twice as long."""
LONGEST_WAIT = 10.0
"""A restarted server is found again within this many seconds of its first answer."""


class Patience:
    """The waits of one call, ``seconds`` in all, counted from its first failure."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadline: float | None = None
        self._failures = 0

    def wait(self, headers: Mapping[str, str] | None = None) -> float | None:
        """Seconds to wait before the next try; None where patience is at an end.

        ``headers`` of the server's answer: its Retry-After is honoured. Without one, waits grow
        twofold. All are spread at random, so that a thousand calls that failed together do not
        come back together.
        """
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self.seconds
        asked = _retry_after(headers or {})
        if now >= self._deadline or now + asked > self._deadline:
            return None
        if asked:
            return asked * random.uniform(1.0, 1.1)
        # Also where a server asks for no wait at all: it would be asked in a tight loop.
        longest = min(FIRST_WAIT * 2.0 ** min(self._failures, 60), LONGEST_WAIT)
        self._failures += 1
        return min(longest * random.uniform(0.5, 1.0), self._deadline - now)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that Retry-After asks for, a number or a date (RFC 9110, 10.2.3); 0 without one."""
    said = headers.get("retry-after")
    if said is None:
        return 0.0
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0
