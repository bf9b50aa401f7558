"""What is true of labelled steps, where the check of the prompt's source knows steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.report.report_data import ReportData
from engines.checks import CheckError, bounded


@dataclass(frozen=True)
class StepTruths:
    """Of each solution: ``truths``, whether each step is right (None where nobody knows), and
    ``labels``, whether its first wrong step is where the labels say."""

    truths: list[list[bool | None] | None]
    labels: pl.Series


def step_columns(step_labels: pl.DataFrame, data: ReportData) -> StepTruths:
    """The truth of ``step_labels`` (`schemas.StepLabels`), row by row.

    Steps after the first wrong one are not compared: methods differ in what is right there. A
    solution is ``unknown`` where a step up to there is unlabelled or its truth is not known.
    """
    prompts = {row["prompt_id"]: row for row in data.given_prompts().iter_rows(named=True)}
    judges = {source: bounded(path) for source, path in data.checks.items()}
    truths: list[list[bool | None] | None] = []
    for prompt_id, steps in step_labels.select("prompt_id", "completions").iter_rows():
        asked = prompts.get(prompt_id)
        judge = judges.get(asked["source"]) if asked else None
        if asked is None or judge is None or not judge.knows_steps:
            truths.append(None)
            continue
        try:
            truths.append(judge.steps(asked["messages"], asked["reference"], steps))
        except CheckError:
            truths.append(None)
    agree = [
        _agreement(labels, truth)
        for labels, truth in zip(step_labels["labels"].to_list(), truths, strict=True)
    ]
    return StepTruths(truths, pl.Series(agree, dtype=pl.String))


def _agreement(labels: Sequence[bool | None], truth: Sequence[bool | None] | None) -> str:
    if truth is None:
        return "unknown"
    for label, right in zip(labels, truth, strict=True):
        if label is None or right is None:
            return "unknown"
        if label != right:
            return "wrong"
        if not right:
            return "right"
    return "right"
