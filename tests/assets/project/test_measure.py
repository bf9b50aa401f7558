"""Verdicts on claims."""

import pytest

from assets.project.measure import Verdict, verdict, with_verdict, without_verdict


@pytest.mark.parametrize(
    ("held", "low", "high", "expected"),
    [
        (True, 0.01, 0.2, "held"),
        (True, -0.02, 0.1, "held"),
        (False, -0.1, 0.2, "undecided"),
        (False, -0.2, -0.1, "did not hold"),
        (False, 0.1, 0.2, "did not hold"),
        (False, 0.0, 0.0, "did not hold"),
    ],
)
def test_an_interval_that_holds_zero_decides_nothing(
    held: bool, low: float, high: float, expected: Verdict
) -> None:
    given = verdict(held=held, low=low, high=high)
    assert given == expected
    assert without_verdict(with_verdict(given, "2 of 3: most")) == "2 of 3: most"


def test_a_sentence_without_a_verdict_has_none() -> None:
    assert without_verdict("not measured: no control") is None
