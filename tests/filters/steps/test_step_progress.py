"""StepProgress: what each step adds to the value of a prefix."""

from itertools import pairwise

import polars as pl

from filters import StepProgress
from schemas import Scores, rows
from tests.claims.tables import ORIGIN


def scored(values: dict[str, list[float | None]]) -> dict[str, pl.DataFrame]:
    """The values of prefixes, that of the prompt alone first."""
    found = [
        {
            "response_id": name,
            "annotator": "rollout_value",
            "step": place - 1,
            "value": value,
            "error": None if value is not None else "no rollout",
            "origin": {**ORIGIN, "parents": []},
        }
        for name, each in values.items()
        for place, value in enumerate(each)
    ]
    return {"values": rows(Scores, found)}


def test_a_step_has_what_it_raised_the_value_by() -> None:
    given = {"b": [0.25, 0.5, 0.375, 1.0], "a": [0.5, 0.0]}
    split = StepProgress(of="values").run(scored(given))
    expected = [
        (name, step, after - before)
        for name, values in given.items()
        for step, (before, after) in enumerate(pairwise(values))
    ]
    steps = split.kept.drop_nulls("step").select("response_id", "step", "value")
    assert steps.rows() == expected
    whole = split.kept.filter(pl.col("step").is_null()).select("response_id", "value")
    assert whole.rows() == [("b", 0.75), ("a", -0.5)]
    assert split.dropped.is_empty()


def test_a_response_with_an_unknown_value_is_dropped() -> None:
    split = StepProgress(of="values").run(
        scored({"a": [None, 0.5, 1.0], "b": [0.5, None, 1.0], "c": [0.5], "d": [0.0, 1.0]})
    )
    assert split.kept["response_id"].unique().to_list() == ["d"]
    reasons = dict(split.dropped.select("row_id", "reason").iter_rows())
    assert reasons == {
        "a": "a step's score is an error",
        "b": "a step's score is an error",
        "c": "no step is scored",
    }
