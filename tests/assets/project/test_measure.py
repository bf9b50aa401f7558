"""Verdicts on claims."""

import pytest

from assets.project.intervals import Shares
from assets.project.measure import Figures, Verdict, verdict, with_verdict, without_verdict


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


@pytest.mark.parametrize(
    ("low", "high", "boundary", "told", "needed"),
    [
        # A half-width as large as the difference: twice the power, 1.43 squared.
        (0.0, 0.2, 0.0, "undecided", 205),
        (-0.1, 0.3, 0.0, "undecided", 818),
        # Within 3 points: the distance to the boundary counts, and 0 does not.
        (-0.05, -0.01, -0.03, "undecided", None),
        (-0.032, 0.105, -0.03, "undecided", 217),
        (-0.1, -0.05, -0.03, "did not hold", None),
        (0.1, 0.2, 0.0, "held", None),
    ],
)
def test_an_undecided_claim_says_how_many_prompts_would_decide(
    low: float, high: float, boundary: float, told: Verdict, needed: int | None
) -> None:
    both = Shares((low + high) / 2, 0.0, low, high, 1, 1)
    figures = Figures.of(both, "", boundary=boundary)
    assert figures.verdict == told
    assert figures.deciding(100) == needed


def test_a_sentence_without_a_verdict_has_none() -> None:
    assert without_verdict("not measured: no control") is None
