"""Calibration: what probabilities of being right are worth."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import Calibration, UnmeasurableError
from claims.calibration import auc, brier, calibration_error
from schemas import Prompts, Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
KNOWN = st.lists(
    st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30
)


def says_yes(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what says yes."""
    return text.startswith("yes")


CHECKS = {"mine": f"{__name__}.says_yes"}


@given(known=KNOWN)
def test_auc_is_the_share_of_pairs_that_are_ranked_correctly(
    known: list[tuple[float, bool, int]],
) -> None:
    values, right, weights = zip(*known, strict=True)
    pairs = [
        ((a > b) + (a == b) / 2, m * n)
        for a, true, m in known
        for b, other, n in known
        if true and not other
    ]
    total = sum(weight for _, weight in pairs)
    found = auc(values, right, weights)
    if total == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(sum(won * weight for won, weight in pairs) / total)


@given(known=KNOWN, bins=st.integers(1, 12))
def test_calibration_error_is_a_mean_over_bins(
    known: list[tuple[float, bool, int]], bins: int
) -> None:
    by_bin: dict[int, list[tuple[float, bool]]] = {}
    for said, right, _ in known:
        by_bin.setdefault(min(int(said * bins), bins - 1), []).append((said, right))
    slow = 0.0
    for held in by_bin.values():
        gap = sum(said for said, _ in held) / len(held) - sum(r for _, r in held) / len(held)
        slow += len(held) / len(known) * abs(gap)
    said, right, _ = zip(*known, strict=True)
    assert calibration_error(said, right, bins=bins) == pytest.approx(slow)


def test_a_half_is_worth_a_quarter_and_the_truth_nothing() -> None:
    assert brier([0.5, 0.5], [True, False]) == 0.25
    assert brier([1.0, 0.0], [True, False]) == 0.0
    assert calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert calibration_error([1.0, 1.0], [True, False]) == 0.5


def tables(right: list[bool], values: list[float], other: list[float]) -> dict[str, pl.DataFrame]:
    """One response a prompt, with two stages of scores."""
    names = [f"p{number:03}" for number in range(len(right))]
    known = {"source": "mine", "source_revision": "1", "licence": "x", "reference": "yes"}
    turn = [{"role": "user", "content": "?"}]
    answer = {"finish": "stop", "tokens": 1, "origin": ORIGIN}
    made = {
        "prompts": rows(Prompts, [{"prompt_id": n, "messages": turn, **known} for n in names]),
        "responses": rows(
            Responses,
            [
                {"response_id": n, "prompt_id": n, "text": "yes" if true else "no", **answer}
                for n, true in zip(names, right, strict=True)
            ],
        ),
    }
    for stage, scored in (("p_true", values), ("likelihood", other)):
        made[stage] = rows(
            Scores,
            [
                {"response_id": n, "annotator": stage, "value": value, "origin": ORIGIN}
                for n, value in zip(names, scored, strict=True)
            ],
        )
    return made


def test_probabilities_that_know_hold_against_scores_that_do_not() -> None:
    right = [number % 3 == 0 for number in range(60)]
    noise = np.random.default_rng(0).normal(size=60).tolist()
    made = tables(right, [0.8 if true else 0.3 for true in right], noise)
    found = Calibration(of="p_true", control="likelihood").figures(made, made, checks=CHECKS)
    assert found.measured == 1.0
    assert found.control == pytest.approx(float(auc(noise, right)))
    assert found.held
    assert found.low < found.measured - found.control < found.high
    assert f"Brier score {brier([0.8] * 20 + [0.3] * 40, [1] * 20 + [0] * 40):.3f}" in found.says
    assert "calibration error 0.267" in found.says


def test_chance_stands_in_for_a_control() -> None:
    right = [number % 2 == 0 for number in range(40)]
    made = tables(right, [0.5] * 40, [0.0] * 40)
    found = Calibration(of="p_true").figures(made, {}, checks=CHECKS)
    assert (found.measured, found.control, found.held) == (0.5, 0.5, False)


def test_scores_that_are_no_probabilities_are_refused() -> None:
    made = tables([True, False], [0.5, 1.5], [0.0, 0.0])
    with pytest.raises(UnmeasurableError, match=r"outside \[0, 1\]"):
        Calibration(of="p_true").figures(made, {}, checks=CHECKS)


def test_one_kind_of_response_tells_nothing() -> None:
    made = tables([True, True], [0.5, 0.6], [0.0, 0.0])
    with pytest.raises(UnmeasurableError, match="both right and wrong"):
        Calibration(of="p_true").figures(made, {}, checks=CHECKS)


@pytest.mark.parametrize(("said", "held"), [(0.5, True), (0.9, False)])
def test_a_calibration_error_must_be_below_its_bound(said: float, held: bool) -> None:
    right = [number % 2 == 0 for number in range(400)]
    # The order says nothing, so only the calibration decides.
    made = tables(right, [said] * 400, [0.0] * 400)
    found = Calibration(of="p_true", error_at_most=0.1).figures(made, {}, checks=CHECKS)
    assert found.measured == pytest.approx(abs(said - 0.5))
    assert found.low <= found.measured - 0.1 <= found.high
    assert found.held == held
    assert found.verdict == ("held" if held else "did not hold")
