"""Measures how a trained reward model ranks the sides of held-out pairs."""

from collections.abc import Mapping
from statistics import fmean
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from engines.bindings import Binding
from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.row_operator import RowOperator
from engines.protocol import EngineError
from engines.reward_heads import of_heads
from engines.weights import head_of, reward_outputs
from schemas import (
    Checkpoints,
    Pairs,
    RewardEvaluations,
    RewardingRole,
    Split,
    StageReport,
    Takes,
    accept,
    messages_of,
    named_rows,
    rows,
)
from trainers.evaluation.both_policies import one_checkpoint, with_both_policies
from trainers.training.tokenization import one_answer

SIDES = ("chosen", "rejected")


class RewardAccuracy(RowOperator):
    """Rewards both sides of held-out pairs by a trained reward model, beside its start.

    The reward of a side is that of the whole answer, as by `annotators.Reward`; of a process reward
    model, that of its last step. `trainers.evaluation.reward_metrics` makes the figures: the share
    of pairs whose chosen side has the higher reward, and the margin. A start without a reward head
    is that head before training: it rewards every answer with 0, so every pair is a tie.

    A model of several outputs (`trainers.AttributeRegression`, form embedding) has no one reward,
    and is refused.

    A pair with a side that is not one message of the assistant is dropped. Rewards are journaled.

    ``model``: the role that gives the device and number type. ``tolerance``: how much worse the
    accuracy may be, as in `trainers.Validate`.
    """

    gives: ClassVar = RewardEvaluations
    unit: ClassVar = "pair_id"

    of: Annotated[str, Takes(Checkpoints, tasks=("SEQ_CLS", "TOKEN_CLS"))]
    pairs: Annotated[str, Takes(Pairs)]
    model: RewardingRole = "policy"
    tolerance: float | None = Field(None, ge=0)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One `RewardEvaluations` row per pair.

        Raises:
            EngineError: there is not exactly one checkpoint, it has several outputs, or no pair can
                be rewarded.
        """
        checkpoint = one_checkpoint(tables, self.of, context)
        if outputs := reward_outputs(Binding(model=checkpoint["path"])):
            raise EngineError(
                f"recipe {context.recipe!r}, stage {context.stage!r}: the model of stage "
                f"{self.of!r} gives {', '.join(outputs)}, and no one reward that ranks the sides "
                "of a pair: score its responses by annotators.Reward or annotators.PreferenceScore"
            )
        stepwise = head_of(checkpoint["path"]) == "TOKEN_CLS"

        async def rewards(pair: Mapping[str, Any], models: Models) -> dict[str, float]:
            return {side: await self._reward(pair, side, models, stepwise) for side in SIDES}

        pairs = tables[self.pairs]
        failed = FailedRows(context.stage)
        before, after, usage = with_both_policies(
            rewards,
            {pair["pair_id"]: pair for pair in named_rows(pairs)},
            checkpoint,
            context,
            role=self.model,
            failed=failed,
            headless=lambda _: dict.fromkeys(SIDES, 0.0),
        )
        evaluations = [
            {"pair_id": pair_id, "prompt_id": prompt_id}
            | {f"{side}_before": before[pair_id][side] for side in SIDES}
            | {f"{side}_after": after[pair_id][side] for side in SIDES}
            for pair_id, prompt_id in pairs.select("pair_id", "prompt_id").iter_rows()
            if pair_id in before
        ]
        split = accept(
            RewardEvaluations,
            rows(RewardEvaluations, evaluations),
            stage=context.stage,
            unit=self.unit,
        )
        return Split(split.kept, pl.concat([failed.frame(), split.dropped]), StageReport(usage))

    async def _reward(
        self, pair: Mapping[str, Any], side: str, models: Models, stepwise: bool
    ) -> float:
        text = one_answer(messages_of(pair[side]), side)
        values = await models[self.model].reward(
            messages_of(pair["prompt"]),
            text,
            step_ends=[len(text)] if stepwise else None,
            end=pair["ends"] is None or pair["ends"][side],
        )
        return values[-1] if stepwise else fmean(of_heads(values)[0])
