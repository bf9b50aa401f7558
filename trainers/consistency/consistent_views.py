"""Self-consistent internal rewards: a loss that makes a model's two views of a pair agree."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field, model_validator

from engines.bindings import Binding
from engines.context import Context
from engines.operators.rebinding import with_weights
from engines.protocol import RowError
from schemas import Checkpoints, Prompts, Takes
from trainers.dpo.dpo import DPO
from trainers.training.tokenization import Reader

if TYPE_CHECKING:
    from transformers import Trainer as Learner

LETTERS = ("A", "B")
"""The answers to a question which of two is better: the one shown first, the one shown second."""


class ConsistentViews(DPO):
    """Trains a policy on pairs without labels, by two views that it has of each.

    As an implicit reward it prefers the chosen side with p = σ(h), h = r(w) − r(l) as in
    `trainers.DPO`, where π₀ is the policy that the stage ``checkpoint`` started from: over itself a
    policy prefers nothing. As a judge it prefers that side with q, the mean over the two orders of
    the probability of the side's letter against the other letter, as the first token of its answer
    to the pair's ``questions`` (`annotators.PairwiseItems` of the same pairs, in both orders).

    The loss of a pair is consistency · (H(p, q) + H(q, p))/2, with H the cross entropy: it is small
    where the views agree and are sure. Pairs of a batch on whose winner the views then agree have
    −log σ(|h|) too, DPO's loss with that winner as the chosen side. Which side of a pair is called
    chosen and its ``weight`` do not matter.

    A pair is dropped if its prompt has other pairs, or does not have one question for each order.

    Source: Zhou et al. 2025, Self-Consistent Internal Rewards (arXiv:2502.08922): an inconsistency
    penalty, and preference optimization by the pairs with consistent predictions. The form of the
    penalty could not be confirmed in the paper; this is the simplest for consistent, sure views.
    """

    # The reference is read whole, before the first step.
    shards: ClassVar = False

    checkpoint: Annotated[str, Takes(Checkpoints, tasks=("CAUSAL_LM",))]
    questions: Annotated[str, Takes(Prompts)]
    consistency: float = Field(1.0, ge=0)

    @model_validator(mode="after")
    def _no_labels(self) -> "ConsistentViews":
        if self.loss == "simpo" or self.gamma or self.margin_scale or self.nll or self.degree:
            fields = "loss simpo, gamma, margin_scale, nll and degree"
            raise ValueError(f"pairs have no labels, and p needs a reference: leave out {fields}")
        return self

    def reference_model(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Binding | None:
        """What the stage ``checkpoint`` started from."""
        starts = tables[self.checkpoint]["start"]
        if starts.is_empty():
            return None
        return with_weights(context, self.start, starts[0]).roles[self.start]

    def gather(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The pairs with the questions about them. ``reason`` says why one is not trained on."""
        questions = (
            tables[self.questions]
            .select("reference", "messages", Prompts.task_text())
            .sort("reference")
            .group_by("task")
            .agg(letters="reference", questions="messages")
        )
        both = pl.col("letters") == pl.lit(list(LETTERS), dtype=pl.List(pl.String))
        pair_questions = (
            tables[self.of]
            .select("pair_id", messages="prompt")
            .select("pair_id", task=Prompts.texts()["prompt"])
            .join(questions, on="task", how="left", maintain_order="left")
            .select(
                "pair_id",
                "questions",
                reason=pl.when(tables[self.checkpoint].filter("trained").is_empty())
                .then(pl.lit(f"the policy prefers nothing: {self.checkpoint!r} trained nothing"))
                .when(pl.len().over("task") > 1)
                .then(pl.lit("its prompt has several pairs"))
                .when(~both.fill_null(False))
                .then(pl.lit("it has not one question in each order")),
            )
        )
        pairs = self.examples(tables[self.of])
        return pairs.join(pair_questions, on="pair_id", how="left", maintain_order="left")

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        if row["reason"] is not None:
            raise RowError(row["reason"])
        letters = [reader.answer(letter, ended=False) for letter in LETTERS]
        if any(len(ids) != 1 for ids in letters):
            raise RowError("the verdicts A and B are not one token each of the policy's tokenizer")
        example = super().encode(row, reader)
        questions = [reader.prompt(messages) for messages in row["questions"]]
        return {
            **example,
            "question_ids": questions,
            "letters": [ids[0] for ids in letters],
            "length": max(example["length"], *map(len, questions)),
            "sequences": 2 * example["sequences"],
        }

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.consistency.loop import ConsistentTrainer

        own = {"kind": ConsistentTrainer, "consistency": self.consistency}
        return super().learner(encoded, arguments=arguments, **own, **parts)
