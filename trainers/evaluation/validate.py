"""Measures a trained policy on held-out prompts, before and after training."""

import asyncio
import dataclasses
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from engines.checks import (
    CheckError,
    CheckPath,
    check_for,
    require_checks,
)
from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.cut_off import Cut, cut_off
from engines.operators.rebinding import with_weights
from engines.operators.row_operator import RowOperator, each_prompt
from engines.operators.run_rows import Failed, run_rows
from engines.protocol import EngineError, RowError, Sampling
from engines.rows import Prompt
from schemas import (
    Checkpoints,
    Evaluations,
    GeneratingRole,
    Prompts,
    Split,
    StageReport,
    Takes,
    Usage,
    accept,
    rows,
)

log = logging.getLogger(__name__)


class UnreadableReference(RowError):
    """The reference of a prompt cannot be read, so no answer can be checked."""


@dataclasses.dataclass(frozen=True, slots=True)
class Marks:
    """The results of one policy on one prompt: whether the greedy answer is right, and how many
    sampled ones are."""

    greedy: bool
    right: int


class Validate(RowOperator):
    """Answers each held-out prompt greedily and ``samples`` times, with the policy before and after
    training.

    Answers are checked as by `annotators.Verifier`: by the check of the prompt's source, or all by
    ``check``, the import path of a `schemas.Check`. An answer counts as wrong if its check hangs or
    crashes, or if it was cut off, unless ``cut: read``. A prompt whose reference cannot be read is
    dropped. `trainers.evaluation.metrics` computes the figures.

    Both policies sample with the same seeds, so differences come from the policy. The policies are
    loaded one after the other, and answers are journaled: the next refresh, which starts from this
    policy, has its answers before training already. If nothing was trained, the policy answers
    once.

    ``policy``: the role that gives the engine, number type and device.
    """

    gives: ClassVar = Evaluations
    unit: ClassVar = "prompt_id"

    of: Annotated[str, Takes(Checkpoints)]
    prompts: Annotated[str, Takes(Prompts)] = "held_out"
    policy: GeneratingRole = "policy"
    samples: int = Field(8, ge=0)
    temperature: float = Field(1.0, gt=0)
    max_tokens: int = Field(256, ge=1)
    check: CheckPath | None = None
    cut: Cut = "refuse"

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One `Evaluations` row per prompt.

        Raises:
            EngineError: the check of a source is unknown, or there is not exactly one
                checkpoint.
        """
        if tables[self.of].height != 1:
            raise EngineError(
                f"recipe {context.recipe!r}, stage {context.stage!r}: exactly one checkpoint is "
                f"needed, but stage {self.of!r} gave {tables[self.of].height}"
            )
        checkpoint = tables[self.of].row(0, named=True)
        prompts = tables[self.prompts]
        require_checks(context, prompts, path=self.check)
        failed = FailedRows(context.stage)
        after, usage = self._measured(prompts, checkpoint["path"], context, failed)
        if checkpoint["path"] == checkpoint["start"]:
            before = after
        else:
            # A prompt that failed is not tried again.
            remaining = prompts.filter(pl.col("prompt_id").is_in(list(after)))
            before, more = self._measured(remaining, checkpoint["start"], context, failed)
            usage += more
        evaluations = [
            {
                "prompt_id": prompt_id,
                "greedy_before": before[prompt_id].greedy,
                "greedy_after": after[prompt_id].greedy,
                "samples": self.samples,
                "right_before": before[prompt_id].right,
                "right_after": after[prompt_id].right,
            }
            for prompt_id in prompts["prompt_id"]
            if prompt_id in before
        ]
        split = accept(
            Evaluations, rows(Evaluations, evaluations), stage=context.stage, unit=self.unit
        )
        lost = pl.concat([failed.frame(), split.dropped])
        return Split(split.kept, lost, StageReport(usage))

    def _measured(
        self, prompts: pl.DataFrame, model: str, context: Context, failed: FailedRows
    ) -> tuple[dict[str, Marks], Usage]:
        """The results of the policy with weights ``model``, by prompt id, and its usage."""
        run = run_rows(
            ((prompt.prompt_id, prompt) for prompt in each_prompt(prompts)),
            self._answer,
            with_weights(context, self.policy, model),
            total=prompts.height,
        )
        marks: dict[str, Marks] = {}
        for outcome in run:
            if isinstance(outcome, Failed):
                failed.add(outcome, [outcome.item.prompt_id])
            else:
                marks[outcome.item.prompt_id] = outcome.result
        return marks, run.usage

    async def _answer(self, prompt: Prompt, models: Models) -> Marks:
        policy = models[self.policy]
        greedy, sampled = await asyncio.gather(
            policy.generate(
                prompt.messages,
                sampling=Sampling(temperature=0.0, max_tokens=self.max_tokens),
                call="greedy",
            ),
            policy.generate(
                prompt.messages,
                n=self.samples,
                sampling=Sampling(temperature=self.temperature, max_tokens=self.max_tokens),
                call="sampled",
            ),
        )
        check = check_for(models.context, prompt.source, path=self.check)
        answers = [*greedy, *sampled]
        checks = [check.submit(prompt.messages, prompt.reference, one.text) for one in answers]
        # All answers are checked, so that an unreadable reference is always reported.
        right = [
            await _right(answer) and cut_off(one, self.cut) is None
            for one, answer in zip(answers, checks, strict=True)
        ]
        return Marks(right[0], sum(right[1:]))


async def _right(answer: "Future[bool]") -> bool:
    try:
        return answer.result() if answer.done() else await asyncio.wrap_future(answer)
    except ValueError as error:
        raise UnreadableReference(str(error)) from error
    except CheckError as error:
        log.debug("an answer counts as wrong: %s", error)
        return False
