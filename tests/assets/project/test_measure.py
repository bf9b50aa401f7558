"""Verdicts on claims."""

import math
from dataclasses import replace

import polars as pl
import pytest

from assets.project.intervals import Shares
from assets.project.measure import (
    Figures,
    Verdict,
    over_seeds,
    prompts_of,
    verdict,
    with_verdict,
    without_verdict,
)


@pytest.mark.parametrize(
    ("held", "low", "high", "expected"),
    [
        (True, 0.01, 0.2, "held"),
        (True, -0.02, 0.1, "held"),
        (False, -0.1, 0.2, "undecided"),
        (False, -0.2, -0.1, "did not hold"),
        (False, 0.1, 0.2, "did not hold"),
        (False, 0.0, 0.0, "undecided"),
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
        # Nothing differs, so no number of prompts is known to decide.
        (0.0, 0.0, 0.0, "undecided", None),
    ],
)
def test_an_undecided_claim_says_how_many_prompts_would_decide(
    low: float, high: float, boundary: float, told: Verdict, needed: int | None
) -> None:
    both = Shares((low + high) / 2, 0.0, low, high, 1, 1)
    figures = Figures.of(both, "", boundary=boundary)
    assert figures.verdict == told
    assert figures.deciding(100) == needed


def of_seed(middle: float, half: float, *, held: bool = True) -> Figures:
    low, high = middle - half, middle + half
    return Figures(0.5 + middle, 0.5, low, high, held=held, says="one")


def test_seeds_widen_the_interval_by_their_differences() -> None:
    same = over_seeds([of_seed(0.1, 0.05)] * 3)
    assert (same.low, same.high) == (pytest.approx(0.05), pytest.approx(0.15))
    assert same.verdict == "held"

    apart = over_seeds([of_seed(middle, 0.05) for middle in (0.0, 0.1, 0.2)])
    # The variance over prompts, and that between three seeds, 0.1 squared, divided by three.
    half = 1.96 * math.sqrt((0.05 / 1.96) ** 2 + 0.1**2 / 3)
    assert apart.low == pytest.approx(0.1 - half, abs=1e-4)
    assert apart.measured == pytest.approx(0.6)
    assert apart.verdict == "undecided"
    assert "+0.000, +0.100, +0.200" in apart.says


def test_a_claim_that_something_falls_is_decided_from_below() -> None:
    seeds = [replace(of_seed(-0.1, 0.05), below=True)] * 3
    assert over_seeds(seeds).verdict == "held"
    both = Shares(0.1, 0.3, -0.25, -0.15, 1, 1)
    assert Figures.of(both, "", below=True).held
    assert not Figures.of(both, "").held


def test_a_claim_that_fails_for_another_reason_fails_over_seeds() -> None:
    seeds = [of_seed(0.1, 0.05), of_seed(0.1, 0.05, held=False)]
    assert over_seeds(seeds).verdict == "did not hold"


def test_a_sentence_without_a_verdict_has_none() -> None:
    assert without_verdict("not measured: no control") is None


def test_a_small_run_counts_the_held_out_prompts_that_it_answered() -> None:
    prompts = pl.DataFrame({"prompt_id": list("abcde")})
    answers = pl.DataFrame({"prompt_id": list("aabb")})
    tables = {"prompts": prompts, "held_out": prompts, "drawn": prompts, "answers": answers}
    assert prompts_of("held_out", tables, "answers") == ("held-out prompts", 2)
    assert prompts_of("prompts", tables, "answers") == ("prompts", 5)
    assert prompts_of("drawn", tables, "answers") == ("prompts of drawn", 5)
