"""RankAgreement: Kendall's tau with each annotator of the truth."""

from typing import Any

import polars as pl
import pytest
from scipy.stats import kendalltau

from assets.project.measure import Figures, UnmeasurableError
from claims import RankAgreement
from tests.claims.tables import responses, scores

TEXTS = {f"{prompt}{n}": "x" for prompt in "pq" for n in range(4)}
SHORT = dict(zip(TEXTS, [1.0, 2.0, 3.0, 4.0, 4.0, 1.0, 1.0, 2.0], strict=True))
KIND = dict(zip(TEXTS, [2.0, 1.0, 4.0, 3.0, 1.0, 1.0, 1.0, 1.0], strict=True))
OURS = dict(zip(TEXTS, [1.0, 3.0, 2.0, 4.0, 2.0, 4.0, 1.0, 3.0], strict=True))
OTHER = dict(zip(TEXTS, [4.0, 3.0, 1.0, 2.0, 1.0, 2.0, 3.0, 4.0], strict=True))


def measured(ours: pl.DataFrame, theirs: pl.DataFrame, truth: Any = None) -> Figures:
    known = pl.concat([scores(SHORT, "short"), scores(KIND, "kind")]) if truth is None else truth
    tables = {"responses": responses(TEXTS), "truth": known, "ours": ours, "theirs": theirs}
    measure = RankAgreement(of="ours", control="theirs", truth="truth")
    return measure.figures(tables, tables, checks={})


def tau(given: dict[str, float], true: dict[str, float], prompt: str) -> float:
    names = [name for name in TEXTS if name.startswith(prompt)]
    one, other = ([values[name] for name in names] for values in (given, true))
    return float(kendalltau(one, other).statistic)


def test_each_standard_is_compared_with_the_scores_of_its_name() -> None:
    named = pl.concat([scores(OURS, "short"), scores(OTHER, "kind")])
    figures = measured(named, scores(OURS, "judge"))
    # To q all are equally kind: there is nothing to rank.
    own = [tau(OURS, SHORT, "p"), tau(OURS, SHORT, "q"), tau(OTHER, KIND, "p")]
    mean = [tau(OURS, SHORT, "p"), tau(OURS, SHORT, "q"), tau(OURS, KIND, "p")]
    assert figures.measured == pytest.approx(sum(own) / 3)
    assert figures.control == pytest.approx(sum(mean) / 3)
    assert f"with 3 true rankings is {figures.measured:.2f}" in figures.says
    assert f"kind {tau(OTHER, KIND, 'p'):.2f}" in figures.says


def test_a_ranking_that_is_not_there_counts_as_chance() -> None:
    missing: dict[str, float | None] = dict.fromkeys(OURS)
    some = {name: value for name, value in OURS.items() if name.startswith("p")}
    figures = measured(scores(some), scores(missing))
    assert figures.control == 0.0
    assert figures.measured == pytest.approx((tau(OURS, SHORT, "p") + tau(OURS, KIND, "p")) / 3)


def test_without_a_true_ranking_nothing_is_measured() -> None:
    equal = scores(dict.fromkeys(TEXTS, 1.0))
    with pytest.raises(UnmeasurableError, match="truth ranks no two responses"):
        measured(scores(OURS), scores(OTHER), equal)
