"""A traced answer of a search has what was asked at each of its steps."""

from typing import Any

import polars as pl
import pytest

from assets.cli.console import console
from assets.cli.traced import trace_shown
from assets.tracing.asked_steps import continued, with_questions
from assets.tracing.questions import Question
from assets.tracing.steps import Step
from assets.tracing.trace import Trace, traced
from schemas import content_id
from tests.assets.conftest import Workshop
from tests.assets.reported import REFRESH

PROPOSED = {"n": 2, "max_tokens": 24}
SCORER = {"use": "annotators.PTrue", "template": "belief", "cut": "read"}
SEARCHED: dict[str, Any] = {
    "trees": {
        "use": "generators.TreeSearch",
        "simulations": 4,
        "proposer": PROPOSED,
        "scorer": SCORER,
        "outcome": 0.5,
        "cut": "read",
    },
    "found": {
        "use": "generators.StepBeam",
        "beams": 1,
        "width": 2,
        "max_steps": 3,
        "max_tokens": 24,
        "scorer": SCORER,
    },
    "responses": {"use": "generators.Sample", "n": 2, "max_tokens": 8},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
}


@pytest.fixture(scope="module")
def searched_once(ran_once: Any) -> Workshop:
    workshop, _ = ran_once
    with pytest.MonkeyPatch.context() as patch:
        workshop.enter(patch)
        folder = workshop.recipe("searched", SEARCHED).parent
        (folder / "belief.jinja").write_text("{{ prompt }}\n{{ response }}\nTrue?")
        workshop.run("searched", rows=1)
    return workshop


@pytest.fixture
def searched(searched_once: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    searched_once.enter(monkeypatch)
    return searched_once


def _deepest(workshop: Workshop) -> Trace:
    nodes = workshop.project().tables.read(("searched", "trees"), REFRESH)
    node = nodes.sort("depth").row(-1, named=True)
    return traced(workshop.project(), "searched", node["node_id"], stage="trees")


def test_a_node_has_what_its_scorer_was_asked(searched: Workshop) -> None:
    trace = _deepest(searched)
    answer = trace.answers[0]
    scored = [one for one in answer.questions if one.verb == "choose"]
    assert [one.about for one in scored] == [[answer.response_id]]
    assert scored[0].journaled
    assert answer.text in str(scored[0].text)
    assert "trees" not in trace.unknown


def test_a_step_has_what_was_asked_of_the_answer_up_to_it(searched: Workshop) -> None:
    answer = _deepest(searched).answers[0]
    assert len(answer.steps) > 1
    beginning = ""
    for step in answer.steps[:-1]:
        beginning += step.text
        assert {(one.stage, one.verb) for one in step.questions} >= {
            ("trees", "choose"),
            ("trees", "generate"),
        }
        assert all(one.continues in ("", beginning) for one in step.questions)


def test_an_answer_of_a_beam_has_what_was_asked_of_its_beginnings(searched: Workshop) -> None:
    found = searched.project().tables.read(("searched", "found"), REFRESH)
    row = found.row(0, named=True)
    trace = traced(searched.project(), "searched", row["response_id"], stage="found")
    answer = trace.answers[0]
    assert "".join(step.text for step in answer.steps) == answer.text
    whole = [one for one in answer.questions if one.verb == "choose" and one.stage == "found"]
    assert whole
    for step in answer.steps[:-1]:
        assert {one.verb for one in step.questions if one.stage == "found"} == {
            "choose",
            "generate",
        }


def test_the_terminal_shows_them(searched: Workshop) -> None:
    screen = console()
    with screen.capture() as printed:
        for shown in trace_shown(_deepest(searched)):
            screen.print(shown)
    assert "judge by trees to choose" in printed.get() or "policy by trees" in printed.get()


def _asked(about: str, continues: str = "") -> Question:
    verb = "generate" if continues else "choose"
    return Question("found", "policy", verb, [about], (), None, True, 1, continues)


def test_an_answer_is_cut_where_a_model_was_asked_to_go_on() -> None:
    asked = [_asked("p", each) for each in ("a\n", "a\nb\n", "a\nx\n", "a\nb\nc")]
    assert [step.text for step in continued("a\nb\nc", asked)] == ["a\n", "b\n", "c"]
    assert continued("a\nb\nc", []) == []


def test_questions_about_another_prompt_or_beginning_are_left_out() -> None:
    mine = [_asked("p", "a\n"), _asked(content_id("a\n")), _asked("node")]
    others = [_asked("q", "a\n"), _asked("p", "x\n"), _asked(content_id("x\n"))]
    (step,) = with_questions([Step("a\n", {}, "node")], [*mine, *others], "p")
    assert step.questions == mine


def test_the_tables_of_the_search_are_not_empty(searched: Workshop) -> None:
    """Without steps the tests above would say nothing."""
    nodes = searched.project().tables.read(("searched", "trees"), REFRESH)
    assert nodes.filter(pl.col("depth") > 1).height
