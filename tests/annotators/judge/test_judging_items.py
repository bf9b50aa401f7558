"""What a judge is asked, as prompts: one a response, with the true grade."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from annotators import JudgingItems
from engines.protocol import EngineError
from schemas import Responses, Scores, prompt_id, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}


@pytest.fixture
def tables(stand: Any) -> dict[str, pl.DataFrame]:
    """Two prompts; the first has three answers, of which the last says what the first does."""
    prompts = stand.prompts("How many?", "How old?")
    one, other = prompts["prompt_id"]
    answers = {"a": (one, "4"), "b": (one, "5"), "c": (one, "4"), "d": (other, "9")}
    responses = [
        {
            "response_id": name,
            "prompt_id": prompt,
            "text": text,
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN,
        }
        for name, (prompt, text) in answers.items()
    ]
    truths: dict[str, float | None] = {"a": 1.0, "b": 0.0, "c": 1.0, "d": 0.5}
    scores = [
        {"response_id": name, "annotator": "truth", "value": value, "origin": ORIGIN}
        for name, value in truths.items()
    ]
    return {
        "prompts": prompts,
        "answers": rows(Responses, responses),
        "truth": rows(Scores, scores),
    }


def test_an_item_is_the_judges_question_and_its_reference_the_true_grade(
    tables: dict[str, pl.DataFrame], stand: Any
) -> None:
    split = JudgingItems(of="answers", truth="truth").run(tables, stand.context())
    assert split.kept["reference"].to_list() == ["5", "1", "3"]
    for item, (prompt, answer) in zip(
        split.kept.to_dicts(),
        [("How many?", "4"), ("How many?", "5"), ("How old?", "9")],
        strict=True,
    ):
        asked = item["messages"][-1]["content"]
        assert prompt in asked
        assert f"\n{answer}\n" in asked
        assert item["prompt_id"] == prompt_id(item["messages"])
        assert (item["source"], item["source_revision"], item["licence"]) == ("test", "1", "none")
    assert split.kept["task"].to_list() == ["How many?", "How many?", "How old?"]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("c", "another response says the same")
    ]
    assert stand.asked == []


def test_a_response_without_a_truth_is_dropped_and_the_others_kept(
    tables: dict[str, pl.DataFrame], stand: Any
) -> None:
    truth = tables["truth"].filter(pl.col("response_id") != "b")
    truth = truth.with_columns(
        value=pl.when(pl.col("response_id") == "d").then(7.0).otherwise("value")
    )
    split = JudgingItems(of="answers", truth="truth").run(
        tables | {"truth": truth}, stand.context()
    )
    assert split.kept["reference"].to_list() == ["5"]
    assert set(split.dropped["row_id"]) == {"b", "c", "d"}
    assert split.dropped["reason"].str.contains("no score in").sum() == 2


@pytest.mark.parametrize(
    ("scores", "whole", "grades"),
    [
        ({"a": 4.5, "b": 0.5, "d": 2.5}, False, ["5", "1", "3"]),
        ({"a": 4.0, "b": 0.9, "d": 2.4}, False, ["4.5", "1.4", "2.9"]),
        # Halves are rounded up.
        ({"a": 4.0, "b": 0.9, "d": 2.4}, True, ["5", "1", "3"]),
    ],
)
def test_a_truth_of_another_range_is_put_on_the_scale(
    tables: dict[str, pl.DataFrame],
    stand: Any,
    scores: dict[str, float],
    whole: bool,
    grades: list[str],
) -> None:
    known = pl.col("response_id").replace_strict(scores, default=None, return_dtype=pl.Float64)
    given = tables | {"truth": tables["truth"].with_columns(value=known)}
    items = JudgingItems(of="answers", truth="truth", truth_range=(0.5, 4.5), whole=whole)
    assert items.run(given, stand.context()).kept["reference"].to_list() == grades
    with pytest.raises(ValueError, match="truth_range"):
        JudgingItems(of="answers", truth="truth", truth_range=(1.0, 1.0))


def test_without_truth_an_item_has_no_reference(
    tables: dict[str, pl.DataFrame], stand: Any
) -> None:
    kept = JudgingItems(of="answers").run(tables, stand.context()).kept
    assert kept["reference"].null_count() == kept.height == 3


def test_a_prompt_that_is_not_there_is_said(tables: dict[str, pl.DataFrame], stand: Any) -> None:
    split = JudgingItems(of="answers").run(
        tables | {"prompts": tables["prompts"].head(1)}, stand.context()
    )
    assert ("d", "prompt not found") in split.dropped.select("row_id", "reason").rows()


def test_an_unknown_template_is_everyones_error(
    tables: dict[str, pl.DataFrame], stand: Any
) -> None:
    with pytest.raises(EngineError, match="nowhere"):
        JudgingItems(of="answers", template="nowhere").run(tables, stand.context())


def test_a_question_shows_what_other_stages_say_of_the_response(
    tables: dict[str, pl.DataFrame], stand: Any, tmp_path: Path
) -> None:
    (tmp_path / "step.jinja").write_text("{{ response }}: step {{ at[0].value | int + 1 }}?")
    found = tables["truth"].with_columns(
        value=pl.when(pl.col("response_id") != "b").then(2.0),
        error=pl.when(pl.col("response_id") == "b").then(pl.lit("unread")),
    )
    given = tables | {"found": found.filter(pl.col("response_id") != "d")}
    context = replace(stand.context(), folder=tmp_path)
    items = JudgingItems(of="answers", template="step", shown={"found": "at"})
    split = items.run(given, context)
    assert [each[-1]["content"] for each in split.kept["messages"]] == ["4: step 3?"]
    assert sorted(split.dropped.select("row_id", "reason").rows()) == [
        ("b", "a score is an error"),
        ("c", "another response says the same"),
        ("d", "stage 'found' has nothing about it"),
    ]
    with pytest.raises(ValueError, match="cannot be a variable"):
        JudgingItems(of="answers", shown={"found": "response"})
