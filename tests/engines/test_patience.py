"""Waiting for a server: long enough, no longer than promised, and not all at once."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import patience
from engines.patience import Patience


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def waits(seconds: float, headers: dict[str, str] | None = None) -> list[float]:
    """All waits of a call that never succeeds."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "time", clock)
        waiting, found = Patience(seconds), []
        while (wait := waiting.wait(headers)) is not None:
            found.append(wait)
            clock.now += max(wait, 1e-9)
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


@pytest.mark.parametrize("said", ["0", "soon", "nan", "-3", "inf", ""])
def test_a_server_that_names_no_time_is_not_asked_in_a_tight_loop(said: str) -> None:
    assert waits(100, {"retry-after": said})[0] >= patience.FIRST_WAIT / 2


def test_a_wait_beyond_patience_is_not_begun() -> None:
    assert waits(100, {"retry-after": "101"}) == []


def test_no_patience_is_no_second_try() -> None:
    assert waits(0) == []
