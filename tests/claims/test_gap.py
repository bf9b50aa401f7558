"""RewardGap: reward accuracy against how far apart two models are."""

from typing import Any

import polars as pl
import pytest

from claims import RewardGap, UnmeasurableError
from schemas import Prompts, Responses, Scores, rows

PROMPTS = [f"p{number}" for number in range(30)]
ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}


def says_yes(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what says yes."""
    return text.startswith("yes")


CHECKS = {"mine": f"{__name__}.says_yes"}


def prompts() -> pl.DataFrame:
    known = {"source": "mine", "source_revision": "1", "licence": "x", "reference": "yes"}
    return rows(
        Prompts,
        [
            {"prompt_id": name, "messages": [{"role": "user", "content": name}], **known}
            for name in PROMPTS
        ],
    )


def responses(*texts: str) -> pl.DataFrame:
    """The same answers to every prompt."""
    return rows(
        Responses,
        [
            {
                "response_id": f"{name}{number}",
                "prompt_id": name,
                "text": text,
                "finish": "stop",
                "tokens": 1,
                "origin": ORIGIN,
            }
            for name in PROMPTS
            for number, text in enumerate(texts)
        ],
    )


def scores(*values: float | None, inverted: int = 0) -> pl.DataFrame:
    """The same scores at every prompt; those of the first ``inverted`` prompts negated."""
    return rows(
        Scores,
        [
            {
                "response_id": f"{name}{number}",
                "annotator": "ratio",
                "value": None if value is None else -value if place < inverted else value,
                "error": "unread" if value is None else None,
                "origin": ORIGIN,
            }
            for place, name in enumerate(PROMPTS)
            for number, value in enumerate(values)
        ],
    )


MEASURE = RewardGap(
    of="answers", pairs={"near": ("good", "fair"), "far": ("good", "bad"), "mid": ("fair", "bad")}
)
OWN = {
    "prompts": prompts(),
    "answers": responses("yes", "no"),
    "good": responses("yes", "yes", "yes", "yes"),
    "fair": responses("yes", "yes", "yes", "no"),
    "bad": responses("yes", "no", "no", "no"),
}


def test_the_largest_gap_is_compared_with_the_smallest() -> None:
    tables = {
        **OWN,
        "near": scores(1, 0, inverted=15),
        "mid": scores(1, 0, inverted=6),
        "far": scores(1, 0, inverted=3),
    }
    found = MEASURE.figures(tables, {}, checks=CHECKS)
    assert (found.measured, found.control) == (pytest.approx(0.9), pytest.approx(0.5))
    assert found.low < 0.4 < found.high
    assert found.held
    assert "near +25.0% → 50.0%, mid +50.0% → 80.0%, far +75.0% → 90.0%" in found.says


def test_a_ratio_that_judges_worse_over_a_larger_gap_does_not_hold() -> None:
    tables = {
        **OWN,
        "near": scores(1, 0),
        "mid": scores(1, 0, inverted=10),
        "far": scores(1, 0, inverted=20),
    }
    found = MEASURE.figures(tables, {}, checks=CHECKS)
    assert not found.held
    assert found.high < 0


def test_it_reads_what_was_scored_the_scores_and_the_models_own_answers() -> None:
    assert set(MEASURE.stages()) == {"answers", "near", "mid", "far", "good", "fair", "bad"}


def test_what_cannot_be_measured_says_what_is_missing() -> None:
    right = {**OWN, "near": scores(1, 0), "mid": scores(1, 0)}
    with pytest.raises(UnmeasurableError, match="far: no prompt has both"):
        MEASURE.figures({**right, "far": scores(1, None)}, {}, checks=CHECKS)
    with pytest.raises(UnmeasurableError, match="of no response it is known"):
        MEASURE.figures({**right, "far": scores(1, 0)}, {}, checks={})
