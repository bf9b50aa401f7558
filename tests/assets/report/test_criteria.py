"""What a report tells about criteria."""

import json
from typing import Any

import polars as pl

from assets.report.criteria import CriterionScores, Evidence, Rewritten, by_people, criteria_figures
from assets.report.page import dataset_report
from assets.report.report_data import load_report_data
from assets.review.agreement import WithPeople
from assets.review.decisions import Decision, Decisions
from assets.storage.tables import Tables
from schemas import Criteria, Dropped, Scores, Split, empty, rows
from tests.assets.reported import ORIGIN, PAIRS, REFRESH, SCRIPT, write_pairs

STAGES: dict[str, Any] = {
    **PAIRS,
    "explained": {"use": "generators.Rewrite", "of": "responses", "template": "critique"},
    "rules": {"use": "annotators.ExtractedRules", "of": "explained"},
    "each": {"use": "annotators.Criteria", "of": "responses", "by": "rules"},
    "mean": {"use": "annotators.Criteria", "of": "responses", "by": "rules", "score_by": "mean"},
}


def write_ruled(workshop: Any, name: str) -> None:
    """Ten pairs, one of which is labelled falsely; by rule ``brief`` the first response of a prompt
    is always better, and by ``kind`` all are equal. The rubric has two versions."""
    write_pairs(workshop, name, 10, drop=0)
    workshop.recipe(name, STAGES)
    tables = Tables(workshop.folder / "data")
    first, second = (f"{REFRESH}-0-{side}" for side in range(2))
    stated = [
        ("1", 1, "brief", "Be brief.", False, [first], []),
        ("2", 1, "rude", SCRIPT, True, [first], []),
        ("3", 2, "brief", "Be very brief.", False, [first, second], ["Be brief.", "Be short."]),
        ("4", 2, "kind", "Be kind.", False, ["gone"], []),
    ]
    criteria = []
    for identity, version, short, text, negated, parents, candidates in stated:
        told = json.dumps({"candidates": candidates})
        criteria.append(
            {
                "criterion_id": identity,
                "rubric": "rules",
                "version": version,
                "name": short,
                "text": text,
                "kind": "yes_no",
                "negated": negated,
                "weight": 1.0,
                "origin": {**ORIGIN, "parameters": told, "parents": parents},
            }
        )
    each, together = [], []
    for number in range(10):
        for side in range(2):
            values = {"brief": (1.0 - side, "3"), "kind": (0.5, "4")}
            about = {"response_id": f"{REFRESH}-{number}-{side}"}
            each += [
                {
                    **about,
                    "annotator": short,
                    "value": value,
                    "origin": {**ORIGIN, "parents": [of]},
                }
                for short, (value, of) in values.items()
            ]
            answers = [value for value, _ in values.values()]
            raw = json.dumps({"items": ["Be very brief.", "Be kind."], "answers": answers})
            origin = {**ORIGIN, "parents": ["3", "4"]}
            score = {"annotator": "criteria", "value": sum(answers) / 2, "raw": raw}
            together.append({**about, **score, "origin": origin})
    for stage, table, records in (
        ("rules", Criteria, criteria),
        ("each", Scores, each),
        ("mean", Scores, together),
    ):
        tables.write((name, stage), REFRESH, Split(rows(table, records), empty(Dropped)))


def test_each_criterion_has_its_scores_and_its_agreement(workshop: Any) -> None:
    write_ruled(workshop, "ruled")
    data = load_report_data(workshop.project(), "ruled", None, refresh=None)
    found = criteria_figures(data)
    assert found.labels == "pairs"
    told = [(one.stage, one.text, one.mean, one.agrees, one.pairs) for one in found.scores]
    assert sorted(told) == [
        ("each", "Be kind.", 0.5, 0.5, 10),
        ("each", "Be very brief.", 0.5, 0.9, 10),
        ("mean", "Be kind.", 0.5, 0.5, 10),
        ("mean", "Be very brief.", 0.5, 0.9, 10),
    ]
    assert all(one.interval[0] < one.agrees < one.interval[1] for one in found.scores)


def test_rules_have_the_texts_that_they_were_found_in(workshop: Any) -> None:
    write_ruled(workshop, "ruled")
    data = load_report_data(workshop.project(), "ruled", None, refresh=None)
    first, *others = criteria_figures(data).evidence
    texts = dict(data.rows("responses", "response_id", "text").drop("refresh").iter_rows())
    seen = [texts[f"{REFRESH}-0-{side}"] for side in range(2)]
    assert first == Evidence("Be very brief.", 2, seen, ["Be brief.", "Be short."])
    # The text that the other one was found in is not stored, and a rubric has other parents.
    assert [one.text for one in others] == ["Be brief.", f"Not: {SCRIPT}"]


def test_a_rule_of_two_versions_is_listed_once(workshop: Any) -> None:
    write_ruled(workshop, "ruled")
    tables = Tables(workshop.folder / "data")
    rules = tables.read(("ruled", "rules"), REFRESH)
    again = rules.filter(criterion_id="3").with_columns(
        criterion_id=pl.lit("5"), version=pl.lit(3, pl.UInt32)
    )
    tables.write(("ruled", "rules"), REFRESH, Split(pl.concat([rules, again]), empty(Dropped)))
    data = load_report_data(workshop.project(), "ruled", None, refresh=None)
    assert [one.text for one in criteria_figures(data).evidence].count("Be very brief.") == 1


def test_the_last_two_versions_of_a_rubric_stand_side_by_side(workshop: Any) -> None:
    write_ruled(workshop, "ruled")
    data = load_report_data(workshop.project(), "ruled", None, refresh=None)
    rewritten = [
        ("brief", "Be brief.", "Be very brief."),
        ("rude", f"Not: {SCRIPT}", None),
        ("kind", None, "Be kind."),
    ]
    assert criteria_figures(data).rewritten == [Rewritten("rules", 1, 2, rewritten)]


def test_a_criterion_alone_in_its_stage_agrees_with_people_as_the_stage_does() -> None:
    alone, one, two = (
        CriterionScores(stage, name, "Be kind.", 10, 0.5, None, 0)
        for stage, name in (("alone", "kind"), ("both", "kind"), ("both", "brief"))
    )
    people = [WithPeople("ruled", name, 3, 1, 0) for name in ("the labels", "alone", "both · kind")]
    assert by_people([alone, one, two], people) == {
        ("alone", "kind"): (people[1], False),
        ("both", "kind"): (people[2], False),
    }
    people[2] = WithPeople("ruled", "both", 3, 1, 0)
    assert by_people([one, two], people) == dict.fromkeys(
        [("both", "kind"), ("both", "brief")], (people[2], True)
    )


def test_the_page_shows_them_as_text(workshop: Any) -> None:
    write_ruled(workshop, "ruled")
    project = workshop.project()
    made = ("ruled", REFRESH, "chosen", 0, "2026-11-20T12:00")
    decided = Decision("p", f"{REFRESH}-0-0", f"{REFRESH}-0-1", "flip", *made)
    Decisions(project.settings.reviews_path, "ruled", "ann").add(decided)
    html = dataset_report(project, "ruled").html
    assert "<td>0.0 % of 1</td>" in html
    assert html.count("<td>0.0 % of 1 (all criteria together)</td>") == 2
    for told in ('id="criteria"', "90.0 %", "<q>Be short.</q>", "version 1 beside 2", "2 texts"):
        assert told in html
    assert SCRIPT not in html
    write_pairs(workshop, "many", 3)
    assert 'id="criteria"' not in dataset_report(workshop.project(), "many").html
