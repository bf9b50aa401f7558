"""Measures how a trained process reward model judges the steps of held-out solutions."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.row_operator import RowOperator
from schemas import (
    Checkpoints,
    RewardingRole,
    Split,
    StageReport,
    StepEvaluations,
    StepLabels,
    Takes,
    accept,
    messages_of,
    named_rows,
    rows,
)
from trainers.evaluation.both_policies import one_checkpoint, with_both_policies


class StepAccuracy(RowOperator):
    """Rewards the steps of held-out solutions by a trained process reward model, beside its start.

    A step is judged right if its reward is above ``threshold``: a probability, or for a
    `trainers.ValueHead` a value. `trainers.evaluation.step_metrics` makes the figures: the accuracy
    of these judgements with right and wrong steps counted alike, that of all steps, and the F1 of
    first errors of ProcessBench (Zheng et al. 2024, arXiv:2412.06559). A start without a reward
    head is that head before training: it tells no step from another.

    A step without a label is not counted. Rewards are journaled.

    ``model``: the role that gives the device and number type. ``tolerance``: how much worse the
    accuracy may be, as in `trainers.Validate`.
    """

    gives: ClassVar = StepEvaluations
    unit: ClassVar = "response_id"

    of: Annotated[str, Takes(Checkpoints, tasks=("TOKEN_CLS",))]
    steps: Annotated[str, Takes(StepLabels)]
    model: RewardingRole = "policy"
    threshold: float = 0.5
    tolerance: float | None = Field(None, ge=0)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One `StepEvaluations` row per solution.

        Raises:
            EngineError: there is not exactly one checkpoint, or no solution can be rewarded.
        """
        solutions = {row["response_id"]: row for row in named_rows(tables[self.steps])}
        failed = FailedRows(context.stage)
        before, after, usage = with_both_policies(
            self._rewards,
            solutions,
            one_checkpoint(tables, self.of, context),
            context,
            role=self.model,
            failed=failed,
            headless=lambda row: [self.threshold] * len(row["labels"]),
        )
        evaluations = [
            {name: row[name] for name in ("response_id", "prompt_id", "labels")}
            | {"before": before[name], "after": after[name], "threshold": self.threshold}
            for name, row in solutions.items()
            if name in before
        ]
        split = accept(
            StepEvaluations, rows(StepEvaluations, evaluations), stage=context.stage, unit=self.unit
        )
        return Split(split.kept, pl.concat([failed.frame(), split.dropped]), StageReport(usage))

    async def _rewards(self, row: Mapping[str, Any], models: Models) -> list[float]:
        ends = list(accumulate(map(len, row["completions"])))
        text = "".join(row["completions"])
        prompt = messages_of(row["prompt"])
        return list(await models[self.model].reward(prompt, text, step_ends=ends))
