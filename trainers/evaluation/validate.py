"""Measures a trained policy on held-out prompts, before and after training."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from engines.checks import CheckPath
from engines.context import Context
from engines.model import Models, SampledText
from engines.operators.collect import FailedRows
from engines.operators.cut_off import Cut
from engines.operators.nested_scorer import SUPPLIED, NestedScorer
from engines.operators.row_operator import RowOperator, each_prompt
from engines.operators.sampled import Varied
from engines.operators.system_turns import under_system
from engines.protocol import Sampling
from engines.rows import Prompt
from schemas import (
    Checkpoints,
    Evaluations,
    GeneratingRole,
    Operator,
    Prompts,
    Split,
    StageReport,
    Takes,
    Truth,
    accept,
    dropped,
    first_by_id,
    rows,
)
from trainers.evaluation.both_policies import one_checkpoint, with_both_policies
from trainers.evaluation.checked import Marks, marks, usable
from trainers.evaluation.preferences import Answered, compare, compares

SCORERS = {
    "judge": {"use": "annotators.Judge", "mode": "pairwise"},
    "reward": {"use": "annotators.Reward"},
}
"""The annotator of each measure, if the recipe names none."""

BEYOND = "more prompts than rows"


class Validate(Varied, RowOperator):
    """Measures a trained policy on held-out prompts, beside the policy that training started from.

    ``by: check``: each prompt is answered greedily and ``samples`` times, and the answers are
    checked as by `annotators.Verifier`: by the check of the prompt's source, or all by ``check``,
    the import path of a `schemas.Check`. An answer counts as wrong if its check hangs or crashes,
    or if it was cut off, unless ``cut: read``. A prompt without a readable reference is dropped.

    ``by: judge``: a judge compares the greedy answers of both policies in both orders, and the
    result is a win rate with the length controlled (`trainers.evaluation.win_rate`). An answer that
    was cut off loses. ``by: reward``: a reward model scores the greedy answers; a prompt with an
    answer that was cut off is dropped. ``scorer`` is the annotator in place of
    `annotators.Judge` and `annotators.Reward`. Its findings are those of the stage.

    By default ``by`` is ``check`` if the prompts have a check, else ``judge``.
    `trainers.evaluation.metrics` computes the figures.

    ``tolerance`` makes the prompts a regression set: the check ``no_worse`` passes only if the
    policy is shown to be at most so much worse than its start, in the unit of the measure (shares
    in [0, 1]). Without it, the check fails only if the policy is shown to be worse.

    Both policies sample with the same seeds, so differences come from the policy. The policies are
    loaded one after the other, and answers are journaled: the next refresh, which starts from this
    policy, has its answers before training already. If nothing was trained, the policy answers
    once.

    At most ``rows`` of the prompts are asked, always the same ones; the others are dropped.

    ``system`` is put before prompts that have no system turn of their own, as by
    `generators.Sample`: name the one that the policy was sampled and trained under.

    ``policy``: the role that gives the engine, number type and device.
    """

    gives: ClassVar = Evaluations
    unit: ClassVar = "prompt_id"
    supplies: ClassVar[frozenset[str]] = SUPPLIED
    instead_of_truth: ClassVar[str] = "by: judge"

    of: Annotated[str, Takes(Checkpoints, tasks=("CAUSAL_LM",))]
    prompts: Annotated[str, Takes(Prompts)] = "held_out"
    policy: GeneratingRole = "policy"
    by: Literal["check", "judge", "reward"] | None = None
    scorer: NestedScorer | None = None
    rows: int | None = Field(None, ge=1)
    samples: int = Field(8, ge=0)
    check: CheckPath | None = None
    cut: Cut = "refuse"
    system: str | None = None
    tolerance: float | None = Field(None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _with_scorer(cls, fields: Any) -> Any:
        by = fields.get("by") if isinstance(fields, Mapping) else None
        if not isinstance(by, str) or by not in SCORERS:
            return fields
        scorer = fields.get("scorer") or {}
        if isinstance(scorer, Mapping) and "use" not in scorer:
            # Parameters alone, as a run sets them, are those of the annotator of the measure.
            return {**fields, "scorer": {**SCORERS[by], **scorer}}
        return fields

    @model_validator(mode="after")
    def _fits(self) -> "Validate":
        if self.scorer is not None and self.by not in SCORERS:
            raise ValueError("'scorer' needs by: judge or by: reward")
        if self.scorer is not None and compares(self.scorer) != (self.by == "judge"):
            raise ValueError(
                "by: judge needs a scorer that compares two answers (mode: pairwise), by: reward "
                "one that scores each answer alone"
            )
        return self

    def needs_truth(self) -> Truth | None:
        return "check" if self.scorer is None else None

    def without_truth(self) -> Operator | None:
        if self.by is not None or self.check is not None:
            return None
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        return Validate.model_validate(fields | {"by": "judge"})

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One `Evaluations` row per prompt.

        Raises:
            EngineError: the check of a source is unknown, or there is not exactly one
                checkpoint.
        """
        prompts = tables[self.prompts]
        chosen = prompts if self.rows is None else first_by_id(prompts, self.rows)
        beyond = prompts.join(chosen, on="prompt_id", how="anti", maintain_order="left")
        system_prompts = under_system(chosen, self.system)
        tables = {**tables, self.prompts: system_prompts}
        failed = FailedRows(context.stage)
        if self.scorer is None:
            evaluations, lost, report = self._checked(tables, context, failed)
        else:
            evaluations, lost, report = self._compared(self.scorer, tables, context, failed)
        by_prompt = {row["prompt_id"]: row for row in evaluations}
        ordered = [
            by_prompt[each] for each in tables[self.prompts]["prompt_id"] if each in by_prompt
        ]
        split = accept(Evaluations, rows(Evaluations, ordered), stage=context.stage, unit=self.unit)
        unasked = dropped(context.stage, BEYOND, beyond["prompt_id"].to_list())
        every = pl.concat([failed.frame(), lost, split.dropped, unasked])
        return Split(split.kept, every, report)

    def _checked(
        self, tables: Mapping[str, pl.DataFrame], context: Context, failed: FailedRows
    ) -> tuple[list[dict[str, Any]], pl.DataFrame, StageReport]:
        prompts = tables[self.prompts]
        checkable = usable(prompts, context, path=self.check)
        before, after, usage = with_both_policies(
            self._marks_of,
            _by_id(prompts.filter(checkable)),
            one_checkpoint(tables, self.of, context),
            context,
            role=self.policy,
            failed=failed,
        )
        evaluations = [
            {
                "prompt_id": prompt_id,
                "greedy_before": marks.greedy,
                "greedy_after": after[prompt_id].greedy,
                "samples": self.samples,
                "right_before": marks.right,
                "right_after": after[prompt_id].right,
                "length_before": marks.length,
                "length_after": after[prompt_id].length,
            }
            for prompt_id, marks in before.items()
        ]
        unreferenced = prompts.filter(~checkable)["prompt_id"].to_list()
        return evaluations, dropped(context.stage, "no reference", unreferenced), StageReport(usage)

    def _compared(
        self,
        scorer: Operator,
        tables: Mapping[str, pl.DataFrame],
        context: Context,
        failed: FailedRows,
    ) -> tuple[list[dict[str, Any]], pl.DataFrame, StageReport]:
        prompts = tables[self.prompts]
        before, after, usage = with_both_policies(
            self._greedy,
            _by_id(prompts),
            one_checkpoint(tables, self.of, context),
            context,
            role=self.policy,
            failed=failed,
        )
        answered = [
            Answered(prompt, before[prompt.prompt_id], after[prompt.prompt_id])
            for prompt in each_prompt(prompts)
            if prompt.prompt_id in before
        ]
        comparison = compare(
            answered, scorer, tables, context, prompts=self.prompts, cut=self.cut, failed=failed
        )
        report = StageReport(usage + comparison.usage, findings=comparison.findings)
        return comparison.rows, comparison.dropped, report

    async def _greedy(self, prompt: Prompt, models: Models) -> SampledText:
        (greedy,) = await models[self.policy].generate(
            prompt.messages,
            sampling=Sampling(temperature=0.0, max_tokens=self.max_tokens),
            call="greedy",
        )
        return greedy

    async def _marks_of(self, prompt: Prompt, models: Models) -> Marks:
        greedy, sampled = await asyncio.gather(
            self._greedy(prompt, models),
            models[self.policy].generate(
                prompt.messages,
                n=self.samples,
                sampling=self.sampling,
                call="sampled",
            ),
        )
        return await marks(prompt, greedy, sampled, models.context, path=self.check, cut=self.cut)


def _by_id(prompts: pl.DataFrame) -> dict[str, Prompt]:
    return {prompt.prompt_id: prompt for prompt in each_prompt(prompts)}
