"""The figures of a process reward model on held-out solutions with labelled steps."""

from collections.abc import Iterable
from typing import Any

import polars as pl

from trainers.evaluation.first_errors import NONE, counts, f1_difference, summed
from trainers.evaluation.prompt_intervals import by_prompt, change


def step_summary(frame: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """The figures of a `schemas.StepEvaluations` frame, as a JSON object.

    ``before``, ``after`` and ``difference``, with the interval ``low``, ``high``: the balanced
    accuracy of the judgements of steps, which is the mean of the accuracies on right and on wrong
    steps. It is 1/2 for a model that tells no step from another, whatever the share of right
    steps. A reward at the threshold counts half. ``accuracy`` holds the same for all steps alike.

    ``first_error``: the F1 of the first step that is judged wrong (`first_errors`), with its
    interval, and the accuracies on ``erroneous`` and on ``correct`` solutions; None if all held-out
    solutions are of one kind. All intervals are of 95 %, by a bootstrap over prompts.

    Raises:
        ValueError: there is no labelled step.
    """
    steps = judged(frame)
    if steps.is_empty():
        raise ValueError("nothing was measured: no held-out step has a label")
    interval = by_prompt(steps["prompt_id"], seed)
    before, after, weight = (steps[name].to_numpy() for name in ("before", "after", "weight"))
    return {
        "by": "steps",
        "steps": steps.height,
        "solutions": frame.height,
        "prompts": frame["prompt_id"].n_unique(),
        **change(weight * before, weight * after, interval),
        "accuracy": change(before, after, interval),
        "first_error": _first_error(frame, seed),
    }


def judged(frame: pl.DataFrame) -> pl.DataFrame:
    """The labelled steps: ``prompt_id``; ``before`` and ``after``, whether the judgement is the
    label (1/2 for a reward at the threshold); and ``weight``, with which the mean is the balanced
    accuracy."""
    steps = frame.explode("labels", "before", "after").filter(pl.col("labels").is_not_null())

    def agrees(when: str) -> pl.Expr:
        above = ((pl.col(when) - pl.col("threshold")).sign() + 1) / 2
        return pl.when("labels").then(above).otherwise(1 - above).alias(when)

    return steps.select(
        "prompt_id",
        agrees("before"),
        agrees("after"),
        weight=pl.len() / pl.len().over("labels") / pl.col("labels").n_unique(),
    )


def _first_error(frame: pl.DataFrame, seed: int) -> dict[str, float] | None:
    complete = [
        (prompt, truth, _first(reward < threshold for reward in rewards))
        for prompt, labels, rewards, threshold in frame.select(
            "prompt_id", "labels", "after", "threshold"
        ).iter_rows()
        # Without a label before the first error, nobody knows which step it is.
        if None not in labels[: (truth := _first(label is False for label in labels)) + 1 or None]
    ]
    counted = counts(pl.DataFrame(complete, schema=["prompt_id", "truth", "found"], orient="row"))
    if not (counted["erroneous"].sum() and counted["correct"].sum()):
        return None
    reached = summed(counted)
    low, high = f1_difference(counted, None, seed=seed)
    return {
        "f1": reached.f1,
        "low": low,
        "high": high,
        "erroneous": reached.erroneous,
        "correct": reached.correct,
    }


def _first(wrong: Iterable[bool]) -> int:
    return next((step for step, each in enumerate(wrong) if each), NONE)
