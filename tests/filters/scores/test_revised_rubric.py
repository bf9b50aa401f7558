"""RevisedRubric: a next version, unless it agrees less with known preferences."""

import statistics
from typing import Any

import polars as pl
import pytest

from filters import RevisedRubric
from schemas import Criteria, Pairs, Scores, Split, rows

ORIGIN = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}


def criteria(rubric: str, *versions: tuple[int, str]) -> pl.DataFrame:
    known = {"rubric": rubric, "kind": "yes_no", "negated": False, "weight": 1.0, "origin": ORIGIN}
    told = [
        {"criterion_id": f"{rubric} {version} {name}", "version": version, "name": name} | known
        for version, name in versions
    ]
    return rows(Criteria, [{**one, "text": one["name"]} for one in told])


def scores(values: dict[str, float]) -> pl.DataFrame:
    known = {"annotator": "criteria", "origin": ORIGIN}
    return rows(Scores, [{"response_id": a, "value": v, **known} for a, v in values.items()])


def revised(before: dict[str, float], after: dict[str, float], **changes: Any) -> Split:
    known = {"prompt_id": "p", "prompt": [], "chosen": [], "rejected": [], "weight": 1.0}
    labels = [("a", "b"), ("c", "d")]
    tables = {
        "rubric": criteria("ours", (1, "short"), (2, "short"), (2, "kind")),
        "rules": criteria("rules", (1, "right")),
        "pairs": rows(
            Pairs,
            [
                {"pair_id": one, "chosen_id": one, "rejected_id": other, **known}
                for one, other in labels
            ],
        ),
        "old": scores(before),
        "new": scores(after),
    }
    operator = RevisedRubric(of=("rubric", "rules"), pairs="pairs", before="old", after="new")
    return operator.run(tables | changes)


def test_a_proposal_that_agrees_as_well_is_the_next_version() -> None:
    before = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    after = {"a": 0.9, "b": 0.1, "c": 0.2, "d": 0.6}
    split = revised(before, after)
    assert split.dropped.is_empty()
    columns = ["criterion_id", "rubric", "version", "name"]
    assert split.kept.select(columns).rows()[:3] == [
        ("ours 1 short", "ours", 1, "short"),
        ("ours 2 short", "ours", 2, "short"),
        ("ours 2 kind", "ours", 2, "kind"),
    ]
    assert split.kept.select(columns[1:]).rows()[3:] == [("ours", 3, "right")]
    assert split.report.findings == {
        "versions": 3,
        "pairs": 2,
        "agreement before": 0.5,
        "spread before": 0.0,
        "agreement after": 0.5,
        "spread after": pytest.approx(statistics.pstdev(after.values())),
    }


def test_a_criterion_that_returns_is_another_row_than_in_an_earlier_version() -> None:
    right = {"a": 0.9, "b": 0.1}
    rules = criteria("rules", (1, "right"))
    once = revised(right, right, rubric=criteria("ours"), rules=rules).kept
    rubric = pl.concat([once, criteria("ours", (2, "short")).with_columns(rubric=once["rubric"])])
    twice = revised(right, right, rubric=rubric, rules=rules)
    assert twice.kept.select("version", "name").rows() == [(1, "right"), (2, "short"), (3, "right")]
    assert twice.kept["criterion_id"].n_unique() == 3
    assert "rules 1 right" not in twice.kept["criterion_id"]
    assert twice.dropped.is_empty()


def test_a_proposal_that_agrees_less_is_dropped() -> None:
    right, turned = {"a": 0.9, "b": 0.1}, {"a": 0.1, "b": 0.9}
    split = revised(right, turned)
    assert split.kept["version"].to_list() == [1, 2, 2]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("rules 1 right", "its agreement with the preferences is lower")
    ]
    assert revised(turned, right).kept["version"].to_list() == [1, 2, 2, 3]


def test_without_a_pair_that_both_scored_nothing_changes() -> None:
    split = revised({"a": 0.9, "b": 0.1}, {"c": 0.9, "d": 0.1})
    assert split.kept.height == 3
    assert split.dropped["reason"].to_list() == ["no pair is scored by both versions"]


def test_what_the_last_version_says_is_no_new_one() -> None:
    right = {"a": 0.9, "b": 0.1}
    same = criteria("rules", (1, "kind"), (1, "short"))
    split = revised(right, right, rules=same)
    assert split.kept["version"].to_list() == [1, 2, 2]
    assert split.dropped["reason"].to_list() == ["the last version says the same"] * 2
    assert revised(right, right, rules=same[:1]).kept["version"].to_list() == [1, 2, 2, 3]


def test_no_proposal_changes_nothing() -> None:
    split = revised({"a": 0.9, "b": 0.1}, {}, rules=criteria("rules"))
    assert split.kept.height == 3
    assert split.dropped.is_empty()


def test_scores_by_criterion_are_refused() -> None:
    twice = pl.concat([scores({"a": 0.1}), scores({"a": 0.2})])
    with pytest.raises(ValueError, match="score_by: mean"):
        revised({"a": 0.1}, {}, new=twice)
