"""Measures how a trained policy ranks the sides of held-out pairs, beside its start."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.row_operator import RowOperator
from engines.protocol import Scored
from schemas import (
    Checkpoints,
    PairEvaluations,
    Pairs,
    ScoringRole,
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

Sides = dict[str, Scored]


class PreferenceAccuracy(RowOperator):
    """Scores both sides of held-out pairs under a trained policy and under its start.

    The log-prob of a side is the sum over the tokens of its answer and, if it ends, the end of its
    turn, as in training with `trainers.DPO`. `trainers.evaluation.pair_metrics` makes the figures:
    the share of pairs whose chosen side is more likely (ranking accuracy: Chen et al. 2024,
    arXiv:2405.19534), per token and by the sum, the implicit reward of DPO (Rafailov et al. 2023,
    arXiv:2305.18290), and how far the log-probs of both sides moved.

    A pair with a side that is not one message of the assistant is dropped. Answers are journaled.

    ``policy``: the role that gives the engine, number type and device. ``tolerance``: how much
    worse the ranking accuracy per token may be, as in `trainers.Validate`.
    """

    gives: ClassVar = PairEvaluations
    unit: ClassVar = "pair_id"

    of: Annotated[str, Takes(Checkpoints, tasks=("CAUSAL_LM",))]
    pairs: Annotated[str, Takes(Pairs)]
    policy: ScoringRole = "policy"
    tolerance: float | None = Field(None, ge=0)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One `PairEvaluations` row per pair.

        Raises:
            EngineError: there is not exactly one checkpoint, or no pair can be scored.
        """
        pairs = tables[self.pairs]
        failed = FailedRows(context.stage)
        before, after, usage = with_both_policies(
            self._sides,
            {pair["pair_id"]: pair for pair in named_rows(pairs)},
            one_checkpoint(tables, self.of, context),
            context,
            role=self.policy,
            failed=failed,
        )
        evaluations = [
            {"pair_id": pair_id, "prompt_id": prompt_id}
            | {f"{side}_before": _sum(before[pair_id][side]) for side in SIDES}
            | {f"{side}_after": _sum(after[pair_id][side]) for side in SIDES}
            | {f"{side}_tokens": len(after[pair_id][side].logprobs) for side in SIDES}
            for pair_id, prompt_id in pairs.select("pair_id", "prompt_id").iter_rows()
            if pair_id in before
        ]
        split = accept(
            PairEvaluations, rows(PairEvaluations, evaluations), stage=context.stage, unit=self.unit
        )
        return Split(split.kept, pl.concat([failed.frame(), split.dropped]), StageReport(usage))

    async def _sides(self, pair: Mapping[str, Any], models: Models) -> Sides:
        texts = [one_answer(messages_of(pair[side]), side) for side in SIDES]
        ends = [pair["ends"] is None or pair["ends"][side] for side in SIDES]
        scored = await models[self.policy].score(messages_of(pair["prompt"]), texts, end=ends)
        return dict(zip(SIDES, scored, strict=True))


def _sum(scored: Scored) -> float:
    return math.fsum(scored.logprobs)
