"""Criteria that agree with known preferences, against a slow count."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import AgreeingCriteria
from schemas import Criteria, Pairs, Scores, rows

ORIGIN = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}
IDS = ("a", "b", "c", "d")
values = st.sampled_from([0.0, 0.5, 1.0, None])
opinions = st.fixed_dictionaries(
    {name: st.fixed_dictionaries(dict.fromkeys(IDS, values)) for name in ("short", "right")}
)
labels = st.lists(st.permutations(IDS).map(lambda ids: ids[:2]), max_size=5)


def scores(told: dict[str, dict[str, float | None]]) -> pl.DataFrame:
    return rows(
        Scores,
        [
            {
                "response_id": response,
                "annotator": name,
                "value": value,
                "error": "unread" if value is None else None,
                "origin": ORIGIN,
            }
            for name, each in told.items()
            for response, value in each.items()
        ],
    )


def pairs(labelled: list[list[str]]) -> pl.DataFrame:
    known = {"prompt_id": "p", "prompt": [], "chosen": [], "rejected": [], "weight": 1.0}
    return rows(
        Pairs,
        [
            {"pair_id": str(place), "chosen_id": chosen, "rejected_id": rejected, **known}
            for place, (chosen, rejected) in enumerate(labelled)
        ],
    )


def criteria(*names: str) -> pl.DataFrame:
    known = {"rubric": "rules", "version": 1, "kind": "yes_no", "negated": False, "weight": 1.0}
    return rows(
        Criteria,
        [
            {"criterion_id": f"id {name}", "name": name, "text": name, **known, "origin": ORIGIN}
            for name in names
        ],
    )


def slow(told: dict[str, dict[str, float | None]], labelled: list[list[str]]) -> dict[str, float]:
    found = {}
    for name, each in told.items():
        hits = []
        for chosen, rejected in labelled:
            high, low = each[chosen], each[rejected]
            if high is not None and low is not None:
                hits.append(1.0 if high > low else 0.5 if high == low else 0.0)
        if hits:
            found[name] = sum(hits) / len(hits)
    return found


@given(opinions, labels, st.sampled_from([0.0, 0.5, 0.75]))
def test_agreement_is_that_of_a_slow_count(
    told: dict[str, dict[str, float | None]], labelled: list[list[str]], least: float
) -> None:
    expected = slow(told, labelled)
    tables = {"scores": scores(told), "pairs": pairs(labelled), "rules": criteria(*told, "new")}
    keep = AgreeingCriteria(of="rules", pairs="pairs", by="scores", at_least=least)
    split = keep.run(tables)
    found: Any = split.report.findings
    assert {name: figure["agreement"] for name, figure in found.items()} == pytest.approx(expected)
    agreeing = [name for name in told if expected.get(name, -1) >= least]
    assert split.kept["name"].to_list() == agreeing
    assert split.kept.height + split.dropped.height == 3
    assert dict(split.dropped.select("row_id", "reason").iter_rows())["id new"] == (
        "it scored no pair"
    )
    of_scores = keep.model_copy(update={"of": "scores"}).run(tables)
    assert set(of_scores.kept["annotator"]) == set(agreeing)
    assert of_scores.dropped.height == (0 if agreeing else len(IDS))


def test_of_those_that_agree_the_best_are_kept() -> None:
    told = {
        "good": {"a": 1.0, "b": 0.0, "c": 1.0, "d": 0.0},
        "fair": {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0},
        "poor": {"a": 0.0, "b": 1.0, "c": 0.0, "d": 1.0},
    }
    tables = {
        "scores": scores(told),
        "pairs": pairs([["a", "b"], ["c", "d"]]),
        "rules": criteria(*told),
    }
    split = AgreeingCriteria(of="rules", pairs="pairs", by="scores", most=1).run(tables)
    assert split.kept["name"].to_list() == ["good"]
    assert split.dropped["reason"].to_list() == [
        "others agree better",
        "agreement below at_least",
    ]
