"""MethodOrder: Kendall's τ between two orders of methods."""

from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest

from claims import MethodOrder, UnmeasurableError
from claims.method_order import kendall
from schemas import Evaluations, rows

MEASURE = MethodOrder(of="rl", control="true_rl", methods={"sft": "true_sft", "dpo": "true_dpo"})


def evaluations(gains: list[int], **fields: Any) -> pl.DataFrame:
    """A row a prompt: whether its greedy answer became right (1), wrong (-1) or neither."""
    none = {"samples": 0, "right_before": 0, "right_after": 0}
    return rows(
        Evaluations,
        [
            {"prompt_id": str(i), "greedy_before": gain < 0, "greedy_after": gain > 0, **none}
            | fields
            for i, gain in enumerate(gains)
        ],
    )


def share(count: int, of: int = 40) -> pl.DataFrame:
    """A policy that gains on the first ``count`` prompts, or loses on them if it is negative."""
    sign = 1 if count > 0 else -1
    return evaluations([sign if i < abs(count) else 0 for i in range(of)])


def slow(ours: list[float], theirs: list[float]) -> float:
    """Each pair by hand, the policy before training among them."""
    total, count = 0, 0
    for a, b in combinations(range(len(ours) + 1), 2):
        one, other = ([0.0, *side][a] - [0.0, *side][b] for side in (ours, theirs))
        total += 0 if one == 0 or other == 0 else 1 if (one > 0) == (other > 0) else -1
        count += 1
    return total / count


def test_tau_is_that_of_the_pairs_counted_by_hand() -> None:
    noise = np.random.default_rng(0)
    drawn = noise.integers(-3, 4, (50, 2, 4)).astype(float)
    found = kendall(drawn[:, 0], drawn[:, 1])
    assert found == pytest.approx([slow(list(a), list(b)) for a, b in drawn])
    assert kendall(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0


def test_the_same_order_holds_and_the_reverse_one_does_not() -> None:
    ours = {"sft": share(10), "dpo": share(20), "rl": share(30)}
    same = {"true_sft": share(12), "true_dpo": share(25), "true_rl": share(39)}
    found = MEASURE.figures(ours, same, checks={})
    assert (found.measured, found.control, found.verdict) == (1.0, None, "held")
    assert "sft +0.250, dpo +0.500, rl +0.750" in found.says
    reverse = {"true_sft": share(-12), "true_dpo": share(-25), "true_rl": share(-39)}
    found = MEASURE.figures(ours, reverse, checks={})
    assert (found.measured, found.verdict) == (-1.0, "did not hold")


def test_methods_that_are_tied_decide_nothing() -> None:
    tied = share(0)
    found = MEASURE.figures(
        {"sft": tied, "dpo": tied, "rl": tied},
        {"true_sft": share(10), "true_dpo": share(20), "true_rl": share(30)},
        checks={},
    )
    assert (found.measured, found.verdict) == (0.0, "undecided")


def test_all_policies_are_measured_in_one_way_on_shared_prompts() -> None:
    ours = {"sft": share(1), "dpo": share(2), "rl": share(3)}
    theirs = {"true_sft": share(1), "true_dpo": share(2), "true_rl": share(3)}
    judged = {"greedy_before": None, "greedy_after": None, "preference": 1.0}
    with pytest.raises(UnmeasurableError, match="different ways"):
        MEASURE.figures(ours, theirs | {"true_rl": evaluations([0] * 40, **judged)}, checks={})
    with pytest.raises(UnmeasurableError, match="answered by all policies"):
        MEASURE.figures(ours, theirs | {"true_rl": share(0, of=0)}, checks={})
    with pytest.raises(UnmeasurableError, match="control"):
        MethodOrder(of="rl", methods={"sft": "true_sft"}).figures(ours, theirs, checks={})


def test_its_stages_are_those_of_both_kinds_of_feedback() -> None:
    assert MEASURE.stages() == ["sft", "dpo", "rl"]
    assert MEASURE.control_stages() == ["true_sft", "true_dpo", "true_rl"]
