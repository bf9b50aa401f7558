"""Rows are equal if their texts are, whatever their ids; then their labels are compared."""

from typing import Any

import polars as pl

from assets.comparing.rows import rows_in_common
from schemas import Checkpoints, Pairs, Scores, StepLabels, empty, rows

ASKED = [{"role": "user", "content": "2 + 2?"}]


def pair(number: int, chosen: str, rejected: str) -> dict[str, Any]:
    sides = {"chosen": chosen, "rejected": rejected}
    return {
        "pair_id": f"pair-{number}",
        "prompt_id": "prompt",
        "prompt": ASKED,
        **{side: [{"role": "assistant", "content": text}] for side, text in sides.items()},
        **{f"{side}_id": f"{number}-{side}" for side in sides},
        "weight": 1.0,
    }


def solution(number: int, labels: list[bool | None]) -> dict[str, Any]:
    return {
        "response_id": f"solution-{number}",
        "prompt_id": "prompt",
        "prompt": ASKED,
        "completions": ["One.", "Two."],
        "labels": labels,
        "values": [None, None],
    }


def test_swapped_sides_are_another_label() -> None:
    first = rows(Pairs, [pair(1, "4", "5"), pair(2, "4", "6"), pair(3, "4", "7")])
    second = rows(Pairs, [pair(11, "5", "4"), pair(12, "4", "6")])
    shared = rows_in_common("pairs", Pairs, first, second)
    assert shared is not None
    assert (shared.rows, shared.common, shared.different) == ((3, 2), 2, 1)
    (example,) = shared.examples
    assert (example.prompt, example.labels) == ("2 + 2?", ("4", "5"))


def test_other_step_labels() -> None:
    first = rows(StepLabels, [solution(1, [True, False])])
    second = rows(StepLabels, [solution(2, [True, None])])
    shared = rows_in_common("labels", StepLabels, first, second)
    assert shared is not None
    assert (shared.common, shared.different) == (1, 1)
    assert shared.examples[0].labels == ("right: One.\nwrong: Two.", "right: One.\nno label: Two.")
    equal = rows_in_common("labels", StepLabels, first, first)
    assert equal is not None
    assert equal.different == 0


def test_scores_differ_beyond_rounding() -> None:
    def scores(*values: float | None) -> pl.DataFrame:
        texts = [f"text {number}" for number in range(len(values))]
        told = {"text": texts, "value": values}
        return pl.DataFrame(told, schema_overrides={"value": pl.Float64}).with_columns(
            prompt_id=pl.lit("prompt"), annotator=pl.lit("judge"), step=pl.lit(None, pl.Int32)
        )

    shared = rows_in_common("scores", Scores, scores(1.0, 2.0, 3.0), scores(1.000001, 2.5, None))
    assert shared is not None
    assert (shared.common, shared.different) == (3, 2)
    assert shared.examples[1].labels == ("judge: 3", "judge: not read")


def test_a_table_without_texts_has_no_rows_in_common() -> None:
    assert rows_in_common("policy", Checkpoints, empty(Checkpoints), empty(Checkpoints)) is None
