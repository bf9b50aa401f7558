"""The value of a prompt alone is the share of its responses that are right."""

from collections.abc import Callable

import polars as pl

from filters import PromptValues
from schemas import StepLabels


def test_the_value_is_the_mean_score_of_the_responses(
    world: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    answers = {
        "half": [("4", [1.0]), ("5", [0.0])],
        "never": [("4", [0.0]), ("5", [0.0]), ("6", [None])],
        "unread": [("4", [None])],
    }
    split = PromptValues(of="responses", by="scores").run(world(answers))
    kept = {row["prompt_id"]: row for row in split.kept.iter_rows(named=True)}
    assert {name: row["values"] for name, row in kept.items()} == {"half": [0.5], "never": [0.0]}
    assert {name: row["labels"] for name, row in kept.items()} == {"half": [True], "never": [False]}
    assert all(row["completions"] == [""] for row in kept.values())
    assert split.dropped["row_id"].to_list() == ["unread"]
    assert split.dropped["reason"].to_list() == ["no scored response"]
    StepLabels.validate(split.kept)
