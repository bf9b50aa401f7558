"""Figures against their definitions, counted out slowly."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Evaluations, rows
from trainers.evaluation.metrics import gains, paired_interval, pass_at_k, regressed, summary
from trainers.evaluation.sentences import difference


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(
    sampled: tuple[int, int], data: st.DataObject
) -> None:
    samples, right = sampled
    k = data.draw(st.integers(1, samples))
    answers = [n < right for n in range(samples)]
    draws = list(itertools.combinations(answers, k))
    counted = sum(any(draw) for draw in draws) / len(draws)
    assert pass_at_k([right], samples, k)[0] == pytest.approx(counted, abs=1e-12)


@pytest.mark.parametrize("k", [0, 9])
def test_pass_at_k_refuses_more_answers_than_were_taken(k: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 8"):
        pass_at_k([1], 8, k)


def test_interval_agrees_with_resampling_prompt_by_prompt() -> None:
    rng = np.random.default_rng(5)
    before = rng.integers(0, 9, size=60) / 8
    after = np.clip(before + rng.normal(0.1, 0.3, size=60), 0, 1)
    low, high = paired_interval(before, after, resamples=20_000)
    slow = []
    for _ in range(4_000):
        drawn = rng.integers(0, 60, size=60)
        slow.append(np.mean([after[n] - before[n] for n in drawn]))
    # A percentile of 4,000 resamples is itself known to about 0.004 here.
    assert (low, high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.012)


def test_interval_is_the_same_in_any_order_and_each_time() -> None:
    before, after = np.arange(20) % 2, np.arange(20) % 3 > 0
    order = np.random.default_rng(0).permutation(20)
    assert paired_interval(before, after) == paired_interval(before[order], after[order])


def evaluations(greedy: list[tuple[bool, bool]], right: list[tuple[int, int]]) -> pl.DataFrame:
    return rows(
        Evaluations,
        [
            {
                "prompt_id": str(n),
                "greedy_before": before,
                "greedy_after": after,
                "samples": 4,
                "right_before": right[n][0],
                "right_after": right[n][1],
            }
            for n, (before, after) in enumerate(greedy)
        ],
    )


def test_summary_of_a_policy_that_got_better() -> None:
    frame = evaluations([(False, True)] * 3 + [(True, True)], [(0, 2)] * 4)
    figures = summary(frame)
    assert figures["prompts"] == 4
    assert (figures["before"], figures["after"], figures["difference"]) == (0.25, 1.0, 0.75)
    assert 0 < figures["low"] <= 0.75 <= figures["high"] <= 1
    assert (figures["sampled_before"], figures["sampled_after"]) == (0.0, 0.5)
    assert set(figures["pass_at_k"]) == {"1", "2", "4"}
    assert figures["pass_at_k"]["4"] == {"before": 0.0, "after": 1.0}
    assert not regressed(figures)


def test_regressed_only_where_the_whole_interval_is_below_zero() -> None:
    worse = evaluations([(True, False)] * 20, [(4, 0)] * 20)
    unsure = evaluations([(True, False), (False, True), (True, False)], [(1, 1)] * 3)
    assert regressed(summary(worse))
    assert not regressed(summary(unsure))


def test_summary_without_samples_has_the_greedy_figures_only() -> None:
    frame = evaluations([(False, True)], [(0, 0)]).with_columns(samples=pl.lit(0, pl.UInt32))
    assert set(summary(frame)) == {
        "by",
        "length_before",
        "length_after",
        "prompts",
        "samples",
        "before",
        "after",
        "difference",
        "low",
        "high",
    }


def test_summary_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no held-out prompt"):
        summary(evaluations([], []))


def compared(rows_: list[dict[str, object]]) -> pl.DataFrame:
    known = {"samples": 0, "length_before": 100, "length_after": 120}
    return rows(Evaluations, [{"prompt_id": str(n), **known, **row} for n, row in enumerate(rows_)])


def test_summary_by_a_judge_is_a_win_rate_against_a_tie() -> None:
    figures = summary(compared([{"preference": 0.9}] * 30 + [{"preference": 0.6}] * 10))
    assert figures["by"] == "judge"
    assert figures["before"] == 0.5
    assert figures["win_rate"] == pytest.approx(0.825)
    assert figures["low"] < figures["difference"] < figures["high"]
    assert figures["difference"] == figures["after"] - 0.5
    assert not regressed(figures)
    assert regressed(summary(compared([{"preference": 0.1}] * 40)))


def test_summary_by_a_reward_has_its_unit() -> None:
    rewarded = [{"reward_before": -3.0, "reward_after": 1.0 + n} for n in range(4)]
    figures = summary(compared(rewarded))
    assert figures["by"] == "reward"
    assert (figures["before"], figures["after"], figures["difference"]) == (-3.0, 2.5, 5.5)


def test_gains_are_per_prompt_in_every_measure() -> None:
    checked = evaluations([(False, True)], [(0, 0)])
    assert checked.select(gains()).item() == 1.0
    assert compared([{"preference": 0.75}]).select(gains()).item() == 0.25
    assert compared([{"reward_before": 1.0, "reward_after": 3.0}]).select(gains()).item() == 2.0


def test_with_a_tolerance_a_policy_must_be_shown_to_be_no_worse() -> None:
    none = [(0, 0)] * 20
    same = evaluations([(True, True), (False, False)] * 10, none)
    unsure = evaluations([(True, False), (False, True)] * 10, none)
    assert not regressed(summary(same, tolerance=0.0))
    assert not regressed(summary(unsure))
    found = summary(unsure, tolerance=0.1)
    assert regressed(found)
    assert "tolerance 10 points" in difference(found)
    assert not regressed(summary(unsure, tolerance=1.0))
