"""FalsePositives: how often nothing is taken for an answer, and what that costs."""

from typing import Any

import polars as pl
import pytest

from claims import FalsePositives, UnmeasurableError
from schemas import Prompts, Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
CHECKS = {"test": "tests.annotators.scripted.is_right"}
MEASURE = FalsePositives(of="after", control="before", responses="empty")
WHOLE = MEASURE.model_copy(update={"accuracy": "real_after", "accuracy_control": "real_before"})


def tables(**scores: list[float | None]) -> dict[str, pl.DataFrame]:
    """Thirty prompts, each with one empty answer, and a right and a wrong real one; the stages of
    scores give the empty answers (``real_…``: right, wrong) these values, over and over."""
    names = [f"p{number:02}" for number in range(30)]
    known = {"source": "test", "source_revision": "1", "licence": "none", "reference": "right"}
    message = {"role": "user", "content": "?"}
    prompts = [{"prompt_id": name, "messages": [message], **known} for name in names]

    def responses(texts: tuple[str, ...]) -> pl.DataFrame:
        written = {"finish": "stop", "tokens": 1, "origin": ORIGIN}
        told = [
            {"response_id": f"{name} {text}", "prompt_id": name, "text": text, **written}
            for name in names
            for text in texts
        ]
        return rows(Responses, told)

    made = {
        "prompts": rows(Prompts, prompts),
        "empty": responses((":",)),
        "responses": responses(("right", "wrong")),
    }
    for stage, values in scores.items():
        of = made["responses" if stage.startswith("real") else "empty"]
        told = [
            {
                "response_id": name,
                "annotator": "judge",
                "value": values[at % len(values)],
                "error": "unread" if values[at % len(values)] is None else None,
                "origin": ORIGIN,
            }
            for at, name in enumerate(of["response_id"])
        ]
        made[stage] = rows(Scores, told)
    return made


def figures(measure: FalsePositives, **scores: list[float | None]) -> Any:
    made = tables(**scores)
    return measure.figures(made, made, checks=CHECKS)


def test_the_shares_are_those_at_or_above_what_counts_as_an_answer() -> None:
    found = figures(MEASURE, before=[5, 3, 1], after=[2.9, 1, 1])
    assert (found.measured, found.control) == (0, pytest.approx(2 / 3))
    assert found.low < found.high < 0
    assert found.held
    assert not figures(MEASURE, before=[1, 1, 5], after=[1, 5, 1]).held
    assert not figures(MEASURE, before=[1], after=[5]).held


def test_what_could_not_be_read_is_taken_for_nothing() -> None:
    assert figures(MEASURE, before=[5], after=[None, 5]).measured == 0.5


def test_a_judge_that_rejects_everything_is_no_better() -> None:
    fooled_less = {"before": [5.0], "after": [1.0]}
    kept = figures(WHOLE, **fooled_less, real_before=[5, 1], real_after=[4, 1])
    assert kept.held
    assert "100.0% of pairs" in kept.says
    lost = figures(WHOLE, **fooled_less, real_before=[5, 1], real_after=[1, 1])
    assert (lost.measured, lost.held) == (0, False)
    assert set(WHOLE.stages()) == {"after", "empty", "responses", "real_after"}
    assert set(WHOLE.control_stages()) == {"before", "empty", "responses", "real_before"}


def test_without_scores_there_is_nothing_to_measure() -> None:
    made = tables(before=[5], after=[1])
    made["after"] = made["after"].clear()
    with pytest.raises(UnmeasurableError):
        MEASURE.figures(made, made, checks=CHECKS)
