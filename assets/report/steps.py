"""The truth of labelled steps, for prompts whose source has a check that knows steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.report.report_data import ReportData
from engines.checks import CheckError, bounded
from schemas import named_rows


@dataclass(frozen=True)
class StepTruths:
    """For each solution: ``truths``, whether each step is right (None if unknown), and ``labels``,
    whether the labels name the true first wrong step."""

    truths: list[list[bool | None] | None]
    labels: pl.Series


def step_columns(step_labels: pl.DataFrame, data: ReportData) -> StepTruths:
    """The truth of ``step_labels`` (`schemas.StepLabels`), row by row.

    Steps after the first wrong one are not compared: methods differ in what is right there. A
    solution is ``unknown`` if a step up to there has no label or no known truth.
    """
    prompts = {
        row["prompt_id"]: row for row in named_rows(data.given_prompts(step_labels["prompt_id"]))
    }
    checks = {source: bounded(path) for source, path in data.checks.items()}
    truths: list[list[bool | None] | None] = []
    for prompt_id, steps in step_labels.select("prompt_id", "completions").iter_rows():
        prompt = prompts.get(prompt_id)
        check = checks.get(prompt["source"]) if prompt else None
        if prompt is None or check is None or not check.knows_steps:
            truths.append(None)
            continue
        try:
            truths.append(check.steps(prompt["messages"], prompt["reference"], steps))
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
