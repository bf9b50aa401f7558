"""Whether a judgement's verdict is the right one."""

from typing import Any

import polars as pl
import pytest

from annotators import VerdictMatch
from annotators.judge.verdict_match import agrees
from engines.checks import load_check
from schemas import Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
SAID = ["A", "B", "The first adds wrongly. Verdict: B", "C", "I cannot say."]


def judged(stand: Any, reference: str | None, finish: str = "stop", **options: Any) -> Any:
    prompts = stand.prompts("Which is better?").with_columns(
        reference=pl.lit(reference, dtype=pl.String)
    )
    responses = [
        {
            "response_id": str(number),
            "prompt_id": prompts["prompt_id"][0],
            "text": text,
            "finish": finish,
            "tokens": 1,
            "origin": ORIGIN,
        }
        for number, text in enumerate(SAID)
    ]
    tables = {"items": prompts, "judgements": rows(Responses, responses)}
    match = VerdictMatch(of="judgements", prompts="items", **options)
    return match.run(tables, stand.context())


@pytest.mark.parametrize(
    ("reference", "values"),
    [
        ("A", [1.0, 0.0, 0.0, 0.0, None]),
        ("B", [0.0, 1.0, 1.0, 0.0, None]),
        ("C", [0.0, 0.0, 0.0, 1.0, None]),
    ],
)
def test_a_verdict_hits_or_misses(reference: str, values: list[float | None], stand: Any) -> None:
    split = judged(stand, reference)
    assert split.kept["value"].to_list() == values
    assert split.kept["raw"].to_list() == SAID
    assert split.report.findings == {
        "agreement": sum(value or 0 for value in values) / 4,
        "first_position_wins": 1 / 3,
        "unread": 1,
    }
    right = [agrees((), reference, said) for said in SAID]
    assert right == [value == 1.0 for value in values]


def test_a_judgement_that_was_cut_off_is_no_miss(stand: Any) -> None:
    assert judged(stand, "A", finish="length").kept["value"].to_list() == [None] * 5
    assert judged(stand, "A", finish="length", cut="read").kept["value"][0] == 1.0


def test_a_reference_that_is_no_verdict(stand: Any) -> None:
    split = judged(stand, "4")
    assert split.kept["value"].to_list() == [None] * 5
    assert "'4' is not a verdict" in split.kept["error"][0]
    with pytest.raises(ValueError, match="not a verdict"):
        agrees((), None, "A")


def test_it_is_a_check() -> None:
    assert load_check("annotators.judge.verdict_match.agrees") is agrees
