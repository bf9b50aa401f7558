"""How near a judge's grade is to the true one."""

from typing import Any

import polars as pl
import pytest

from annotators import GradeMatch
from annotators.judge.grade_match import agrees
from engines.checks import load_check
from schemas import Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
SAID = ["Right. Score: 5", "Fine. Score: 4", "Hm. Score: 3", "No. Score: 1", "I cannot say."]


def judged(stand: Any, reference: str | None, said: list[str], **options: Any) -> pl.DataFrame:
    prompts = stand.prompts("Is it right?").with_columns(
        reference=pl.lit(reference, dtype=pl.String)
    )
    responses = [
        {
            "response_id": str(number),
            "prompt_id": prompts["prompt_id"][0],
            "text": text,
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN,
        }
        for number, text in enumerate(said)
    ]
    tables = {"items": prompts, "judgements": rows(Responses, responses)}
    match = GradeMatch(of="judgements", prompts="items", **options)
    split = match.run(tables, stand.context())
    assert split.dropped.height + split.kept.height == len(said)
    return split.kept


@pytest.mark.parametrize(
    ("reference", "values"),
    [
        ("5", [0.0, 0.0, -2.0, -4.0, None]),
        ("1", [-4.0, -3.0, 0.0, 0.0, None]),
        ("3", [-2.0, -1.0, 0.0, 0.0, None]),
    ],
)
def test_agreement_is_the_side_and_disagreement_the_distance(
    reference: str, values: list[float | None], stand: Any
) -> None:
    scores = judged(stand, reference, SAID)
    assert scores["value"].to_list() == values
    assert scores["raw"].to_list() == SAID
    assert "no grade" in scores["error"][4]


def test_without_a_true_grade_each_score_is_an_error(stand: Any) -> None:
    scores = judged(stand, None, SAID)
    assert scores["value"].null_count() == scores.height
    assert scores["error"].str.contains("is not a grade").all()


def test_the_majority_stands_in_for_a_reference(stand: Any) -> None:
    said = ["Score: 5", "Score: 5", "Score: 1", "nothing", "Score: 4"]
    scores = judged(stand, None, said, against="majority")
    assert scores["value"].to_list() == [0.0, 0.0, -4.0, None, 0.0]


def test_the_check_says_what_the_scores_say(stand: Any) -> None:
    assert load_check("annotators.judge.grade_match.agrees") is not None
    for reference in "12345":
        values = judged(stand, reference, SAID)["value"].to_list()
        assert [agrees([], reference, text) for text in SAID] == [value == 0.0 for value in values]
    with pytest.raises(ValueError, match="not a grade"):
        agrees([], None, "Score: 4")
