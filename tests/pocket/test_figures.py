import pytest

from pocket.figures import mark_lessons, wilson
from pocket.lessons import LESSONS


def test_an_interval_is_wilsons() -> None:
    # The example of 9 of 10, worked out by hand.
    assert wilson(9, 10) == (
        0.9,
        pytest.approx(0.596, abs=1e-3),
        pytest.approx(0.982, abs=1e-3),
        10,
    )
    assert wilson(0, 0) == (0.0, 0.0, 1.0, 0)


def test_who_knows_the_truth_has_every_figure() -> None:
    found = mark_lessons(lambda chats: [chat[-1]["content"] for chat in chats], 10)
    assert set(found) == {name for name, lesson in LESSONS.items() if lesson.marks}
    assert found["plan"]["plan right"][0] == 1
    assert found["mend_in_line"]["false alarms"][0] == 0
