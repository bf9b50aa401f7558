"""GradedScores: the rank correlation of scores with what is left of a response."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import GradedScores, UnmeasurableError
from claims.graded import ranked
from schemas import Responses, Scores, canonical, rows

values = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
graded = st.lists(st.lists(values, min_size=1, max_size=5), min_size=1, max_size=5)


def versions(scores: list[list[float | None]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of each response as many versions as it has scores, ever more degraded."""
    written, opinions = [], []
    blank = {"operator": "t", "model": None, "seed": None}
    for place, of_one in enumerate(scores):
        for number, score in enumerate(of_one):
            level = canonical({"level": (number + 1) / 8})
            origin = blank | {"parameters": level, "parents": [f"r{place}"]}
            name = f"r{place}-{number}"
            written.append(
                {
                    "response_id": name,
                    "prompt_id": f"p{place // 2}",
                    "text": "x",
                    "finish": "stop",
                    "tokens": 1,
                    "origin": origin,
                }
            )
            opinions.append(
                {
                    "response_id": name,
                    "annotator": "judge",
                    "value": score,
                    "error": "hm" if score is None else None,
                    "origin": blank | {"parameters": "{}", "parents": []},
                }
            )
    return rows(Responses, written), rows(Scores, opinions)


@given(scores=graded)
def test_each_pair_of_versions_leads_or_trails(scores: list[list[float | None]]) -> None:
    found = {p: (lead, n) for p, lead, n in ranked(*versions(scores)).iter_rows()}
    slow: dict[str, list[float]] = {}
    for place, of_one in enumerate(scores):
        known = [score for score in of_one if score is not None]
        for i, better in enumerate(known):
            for worse in known[i + 1 :]:
                told = math.copysign(1, better - worse) if better != worse else 0.0
                slow.setdefault(f"p{place // 2}", []).append(told)
    assert found == {prompt: (sum(told), len(told)) for prompt, told in slow.items()}


def test_it_is_kendalls_tau_without_ties() -> None:
    from scipy.stats import kendalltau

    noise = np.random.default_rng(0)
    scores = noise.permuted(np.tile(np.arange(6.0), (40, 1)), axis=1)
    degraded, marks = versions(scores.tolist())
    found = GradedScores(of="marks").figures({"degraded": degraded, "marks": marks}, {}, checks={})
    taus = [kendalltau(-np.arange(6), row).statistic for row in scores]
    assert found.measured == pytest.approx(np.mean(taus))
    assert found.control is None


def test_a_judge_that_tells_degrees_against_one_that_does_not() -> None:
    degraded, fine = versions([[0.9, 0.5, 0.1]] * 20)
    _, coarse = versions([[0.0, 0.0, 0.0]] * 20)
    tables = {"degraded": degraded, "fine": fine, "coarse": coarse}
    found = GradedScores(of="fine", control="coarse").figures(tables, tables, checks={})
    assert (found.measured, found.control, found.held) == (1.0, 0.0, True)
    assert not GradedScores(of="coarse").figures(tables, tables, checks={}).held


def test_nothing_to_compare_is_no_figure() -> None:
    degraded, marks = versions([[0.5], [None, 0.5]])
    with pytest.raises(UnmeasurableError, match="two degraded versions"):
        GradedScores(of="marks").figures({"degraded": degraded, "marks": marks}, {}, checks={})
