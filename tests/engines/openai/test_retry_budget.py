"""Waiting for a server: long enough, no longer than promised, and not all at once."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import RetryError, Retrying

from engines.openai import retry_budget as patience
from engines.openai.retry_budget import RetryBudget


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def fail() -> None:
    raise ConnectionError("down")


def waits(seconds: float, headers: dict[str, str] | None = None) -> list[float]:
    """All waits of a call that never succeeds."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "time", clock)
        found: list[float] = []

        def sleep(wait: float) -> None:
            found.append(wait)
            clock.now += max(wait, 1e-9)

        budget = RetryBudget(seconds, lambda error: headers or {})
        retries = Retrying(sleep=sleep, wait=budget.wait, stop=budget.stop)
        with pytest.raises(RetryError):
            retries(fail)
        return found


@given(st.floats(0, 4000))
def test_waits_use_up_patience_and_no_more(seconds: float) -> None:
    assert sum(waits(seconds)) == pytest.approx(seconds, abs=1e-3)


def test_waits_grow_up_to_the_longest_and_differ() -> None:
    first, second = waits(600), waits(600)
    assert first != second
    assert patience.FIRST_WAIT / 2 <= first[0] <= patience.FIRST_WAIT
    assert max(first) <= patience.LONGEST_WAIT
    assert min(first[8:-1]) >= patience.LONGEST_WAIT / 2


@given(st.floats(0.1, 50))
def test_a_server_is_given_the_time_it_asks_for(asked: float) -> None:
    found = waits(100, {"retry-after": str(asked)})
    assert all(asked <= wait <= 1.1 * asked + 1e-9 for wait in found)
    assert found


def test_a_date_is_a_time_too() -> None:
    later = datetime.now(UTC) + timedelta(seconds=30)
    assert 20 < waits(100, {"retry-after": format_datetime(later, usegmt=True)})[0] < 34


LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "60"},
        {"retry-after": "1m0s"},
        {"retry-after-ms": "60000", "retry-after": "1"},
        {"x-ratelimit-reset-requests": "60s", "x-ratelimit-reset-tokens": "20ms"},
        {"x-ratelimit-reset-requests": "1m", "x-ratelimit-remaining-requests": "0"},
        {"x-ratelimit-reset": str(int(LATER.timestamp()))},
        {"x-ratelimit-reset": str(int(LATER.timestamp() * 1000))},
        {"anthropic-ratelimit-requests-reset": LATER.isoformat()},
        {"ratelimit-reset": "60", "ratelimit-remaining": "0"},
        {"ratelimit": '"requests";r=0;t=60'},
        {"ratelimit": "limit=100, remaining=0, reset=60"},
        {
            "x-ratelimit-reset-tokens": "60s",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-requests": "24h",
            "x-ratelimit-remaining-requests": "99",
        },
    ],
)
def test_servers_name_the_time_in_many_ways(headers: dict[str, str]) -> None:
    assert 60 <= patience.asked_wait(headers) <= 3600


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-reset-requests": "60s", "x-ratelimit-remaining-requests": "12"},
        {"x-ratelimit-limit-requests": "60"},
        {"ratelimit": '"requests";r=7;t=60'},
        {"x-ratelimit-reset": "never"},
    ],
)
def test_a_limit_that_is_not_spent_asks_for_no_wait(headers: dict[str, str]) -> None:
    assert patience.asked_wait(headers) == 0


@pytest.mark.parametrize("said", ["0", "soon", "nan", "-3", "inf", ""])
def test_a_server_that_names_no_time_is_not_asked_in_a_tight_loop(said: str) -> None:
    assert waits(100, {"retry-after": said})[0] >= patience.FIRST_WAIT / 2


def test_a_wait_beyond_patience_is_not_begun() -> None:
    assert waits(100, {"retry-after": "101"}) == []


def test_no_patience_is_no_second_try() -> None:
    assert waits(0) == []
