"""A row can be followed to its prompt, the answers to it, and their scores."""

from typing import Any

import pytest

from assets.config.errors import FactoryError
from assets.storage.tables import Tables
from assets.tracing.read_tables import beside_stored
from assets.tracing.trace import traced
from tests.assets.reported import REFRESH, write_judged, write_pairs, write_scored_steps


@pytest.fixture
def paired(workshop: Any) -> Any:
    write_pairs(workshop, "ours", 3, said=["said [bold]so[/]"])
    return workshop


def test_a_pair_has_its_prompt_its_answers_and_their_scores(paired: Any) -> None:
    pairs = Tables(paired.folder / "data").read(("ours", "pairs"), REFRESH)
    row = pairs.row(0, named=True)
    found = traced(paired.project(), "ours", row["pair_id"])
    assert (found.stage, found.refresh, found.row) == ("pairs", REFRESH, row)
    assert found.prompt is not None
    assert found.prompt["prompt_id"] == row["prompt_id"]
    assert [(each.response_id, each.role) for each in found.answers] == [
        (row["chosen_id"], "chosen"),
        (row["rejected_id"], "rejected"),
    ]
    for answer in found.answers:
        assert answer.stage == "responses"
        assert answer.origin is not None
        assert {score["annotator"] for score in answer.scores} == {"verifier", "likelihood"}


def test_a_score_leads_to_the_prompt_of_its_response(paired: Any) -> None:
    scores = Tables(paired.folder / "data").read(("ours", "right"), REFRESH)
    response_id = scores["response_id"][0]
    found = traced(paired.project(), "ours", response_id, stage="right")
    assert found.prompt is not None
    assert response_id in [each.response_id for each in found.answers]


def test_scores_of_tokens_are_told_of_their_response(workshop: Any) -> None:
    write_judged(workshop, "judged", 2)
    found = traced(workshop.project(), "judged", "1", stage="responses")
    (score,) = next(each.scores for each in found.answers if each.response_id == "1")
    assert score["stage"] == "tokens"
    assert score["value"] == 0.125
    assert score["annotator"] == "contrast, the mean of 2 tokens"
    assert score["raw"].splitlines()[0] == "+0.5 ' 22'"


def test_a_criterion_leads_to_its_prompt(workshop: Any) -> None:
    write_judged(workshop, "judged", 2)
    one, every = (
        traced(workshop.project(), "judged", f"criterion-{number}").prompt for number in (0, 2)
    )
    assert one is not None
    assert every is None


def test_unknown_ids_and_shared_beginnings_are_refused(paired: Any) -> None:
    with pytest.raises(FactoryError, match="no row of ours has the id 'nothing'"):
        traced(paired.project(), "ours", "nothing")
    with pytest.raises(FactoryError, match="give more of the id"):
        traced(paired.project(), "ours", REFRESH[:4])


def test_scores_are_beside_the_text_they_score(paired: Any) -> None:
    tables = Tables(paired.folder / "data")
    scores = tables.read(("ours", "right"), REFRESH)
    shown = beside_stored(paired.project(), "ours", REFRESH, scores)
    texts = dict(tables.read(("ours", "responses"), REFRESH).select("response_id", "text").rows())
    assert shown["response"].to_list() == [texts[each] for each in scores["response_id"]]


def test_scores_of_steps_are_beside_their_step(workshop: Any) -> None:
    write_scored_steps(workshop, "stepwise", 2)
    scores = Tables(workshop.folder / "data").read(("stepwise", "values"), REFRESH)
    shown = beside_stored(workshop.project(), "stepwise", REFRESH, scores)
    for row in shown.iter_rows(named=True):
        assert row["scored_step"] == row["response"].splitlines(keepends=True)[row["step"]]


def test_evaluations_are_beside_their_prompt(workshop: Any) -> None:
    write_scored_steps(workshop, "stepwise", 2)
    evaluations = Tables(workshop.folder / "data").read(("stepwise", "validated"), REFRESH)
    shown = beside_stored(workshop.project(), "stepwise", REFRESH, evaluations)
    assert all("pears" in prompt for prompt in shown["prompt"])
