"""In how many responses it pays to say a step twice."""

from typing import Any

import polars as pl
import pytest

from claims import RepeatedSteps, UnmeasurableError
from schemas import Responses, Scores, rows

ORIGIN = {"operator": "o", "model": None, "parameters": "{}", "seed": None, "parents": []}
COUNT = 40


def edits() -> pl.DataFrame:
    """Each response's edit, one a prompt."""
    return rows(
        Responses,
        [
            {
                "response_id": f"edit-{number}",
                "prompt_id": f"p{number}",
                "text": "x",
                "finish": "stop",
                "tokens": 1,
                "origin": {**ORIGIN, "parents": [f"real-{number}"]},
            }
            for number in range(COUNT)
        ],
    )


def scores(kind: str, value: Any) -> pl.DataFrame:
    """The score of each, as ``value`` gives it for its number; None is an error."""
    return rows(
        Scores,
        [
            {
                "response_id": f"{kind}-{number}",
                "annotator": "prm",
                "value": value(number),
                "error": "?" if value(number) is None else None,
                "origin": ORIGIN,
            }
            for number in range(COUNT)
        ],
    )


def figures(after: Any, control_after: Any, **options: Any) -> Any:
    tables = {
        "edits": edits(),
        "before": scores("real", lambda number: 1.0),
        "after": scores("edit", after),
        "sum": scores("real", lambda number: 1.0),
        "sum_after": scores("edit", control_after),
    }
    measure = RepeatedSteps(
        of="before",
        repeated="after",
        edits="edits",
        control="sum",
        control_repeated="sum_after",
        **options,
    )
    return measure.figures(tables, tables, checks={})


def test_it_counts_the_scores_that_rose_and_rounding_is_no_rise() -> None:
    found = figures(lambda number: 1.5 if number == 0 else 1 + 1e-9, lambda number: 2.0)
    assert (found.measured, found.control) == (1 / COUNT, 1.0)
    assert found.held
    assert found.high < -0.8


def test_a_share_above_what_is_allowed_does_not_hold() -> None:
    assert figures(lambda number: 1.0 + (number % 5 == 0), lambda number: 2.0).held
    assert not figures(
        lambda number: 1.0 + (number % 5 == 0), lambda number: 2.0, at_most=0.05
    ).held
    assert not figures(lambda number: 1.0, lambda number: 1.0).held


def test_other_rewards_are_told_beside_them() -> None:
    found = figures(lambda number: 0.5, lambda number: 2.0, also={"sum": "sum_after"})
    assert "raises the score of 0.0% of 40 responses (-0.500 on average)" in found.says
    assert found.says.endswith("; sum of 100.0% of 40 responses (+1.000 on average)")


def test_what_is_not_scored_on_both_sides_is_not_counted() -> None:
    found = figures(lambda number: None if number % 2 else 2.0, lambda number: 2.0)
    assert (found.measured, found.control) == (1.0, 1.0)
    with pytest.raises(UnmeasurableError, match="before and after"):
        figures(lambda number: None, lambda number: 2.0)
