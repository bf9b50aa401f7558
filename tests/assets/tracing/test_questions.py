"""A trace tells what models were asked, from the journal and without asking them."""

from typing import Any

import pytest

from assets.tracing.trace import traced
from engines.journal.statistics import statistics
from engines.journal.store import Journal
from tests.assets.conftest import SAMPLED, Workshop
from tests.assets.reported import REFRESH, write_pairs, write_trees

JUDGED: dict[str, Any] = {
    "responses": SAMPLED,
    "graded": {"use": "annotators.Judge", "of": "responses", "probes": "off"},
    "compared": {
        "use": "annotators.Judge",
        "of": "responses",
        "mode": "pairwise",
        "probes": "off",
    },
    "pairs": {"use": "filters.BestWorst", "of": "responses", "by": "graded"},
}
SHORT = {
    "judge_pointwise.jinja": "{{ prompt }}\n{{ response }}\nGrade?",
    "judge_pairwise.jinja": "{{ prompt }}\n{{ a }}\n{{ b }}\nA or B?",
}
"""Templates for a model of few positions."""


@pytest.fixture(scope="module")
def judged_once(ran_once: Any) -> Workshop:
    workshop, _ = ran_once
    with pytest.MonkeyPatch.context() as patch:
        workshop.enter(patch)
        folder = workshop.recipe("judged", JUDGED).parent
        for name, text in SHORT.items():
            (folder / name).write_text(text)
        workshop.run("judged", rows=2)
    return workshop


@pytest.fixture
def judged(judged_once: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    judged_once.enter(monkeypatch)
    return judged_once


def _first_response(workshop: Workshop) -> str:
    responses = workshop.project().tables.read(("judged", "responses"), REFRESH)
    return str(responses["response_id"][0])


def test_a_score_has_the_question_that_the_judge_got(judged: Workshop) -> None:
    trace = traced(judged.project(), "judged", _first_response(judged), stage="responses")
    answer = trace.answers[0]
    (question,) = [one for one in answer.questions if one.stage == "graded"]
    assert (question.role, question.verb, question.journaled) == ("judge", "choose", True)
    assert trace.prompt is not None
    asked = trace.prompt["messages"][-1]["content"]
    assert question.text is not None
    assert asked in question.text
    assert answer.text in question.text


def test_a_question_about_several_answers_is_told_once(judged: Workshop) -> None:
    trace = traced(judged.project(), "judged", _first_response(judged), stage="responses")
    ids = {answer.response_id for answer in trace.answers}
    compared = [one for one in trace.questions if one.stage == "compared"]
    assert compared
    for question in compared:
        assert set(question.about) == ids
        assert question.journaled


def test_no_model_is_asked_and_the_journal_may_be_in_use(judged: Workshop) -> None:
    project = judged.project()
    place = project.settings.journal_path
    before = statistics(place)
    writer = Journal(place)
    try:
        trace = traced(project, "judged", _first_response(judged), stage="responses")
    finally:
        writer.close()
    assert trace.answers[0].questions
    assert statistics(place) == before


def test_a_question_that_was_never_asked_is_told_apart(judged: Workshop) -> None:
    file = judged.folder / "recipes" / "tests" / "judged" / "defs.yaml"
    before = file.read_text()
    (file.parent / "again.jinja").write_text("{{ response }}\nWhich grade?")
    judged.recipe("judged", JUDGED | {"graded": JUDGED["graded"] | {"template": "again"}})
    try:
        trace = traced(judged.project(), "judged", _first_response(judged), stage="responses")
    finally:
        file.write_text(before)
    (question,) = [one for one in trace.answers[0].questions if one.stage == "graded"]
    assert "Which grade?" in question.messages[-1]["content"]
    assert not question.journaled


def test_a_model_that_is_gone_is_named(workshop: Any) -> None:
    write_pairs(workshop, "ours", 1)
    project = workshop.project()
    pairs = project.tables.read(("ours", "pairs"), REFRESH)
    trace = traced(project, "ours", pairs["pair_id"][0])
    assert "no model" in trace.unknown["likely"]


def test_a_node_is_followed_to_the_root_with_what_the_search_tried_instead(workshop: Any) -> None:
    write_trees(workshop, "searched", 2, said="Something else.")
    trace = traced(workshop.project(), "searched", "1-2")
    (node, *_) = trace.answers
    assert [step.node_id for step in node.steps] == ["1-1", "1-2"]
    assert [sibling.text for sibling in node.steps[0].siblings] == ["Something else."]
    assert node.steps[1].facts["terminal_correct"] is True
    assert node.text == "".join(step.text for step in node.steps)


def test_a_labelled_solution_has_its_steps_with_labels(workshop: Any) -> None:
    write_trees(workshop, "searched", 2)
    trace = traced(workshop.project(), "searched", "solution-1", stage="labels")
    labels = [step.facts.get("label") for step in trace.answers[0].steps]
    assert labels == [True, False, None]
    assert trace.answers[0].steps[1].facts["first_error"] is True


def test_what_a_run_has_set_decides_what_was_asked(judged: Workshop) -> None:
    day = "2026-11-21"
    judged.run("judged", day, rows=2, changes={"responses.temperature": 0.5})
    response = judged.project().tables.read(("judged", "responses"), day)["response_id"][0]
    trace = traced(judged.project(), "judged", response, stage="responses", day=day)
    written = [one for one in trace.questions if one.stage == "responses"]
    assert written
    assert all(one.journaled for one in written)
