"""Policy gradients on sampled responses and their rewards."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from engines.bindings import Binding
from engines.context import Context
from engines.operators.rebinding import with_weights
from engines.operators.system_turns import as_asked
from engines.protocol import EngineError, RowError
from schemas import (
    Checkpoints,
    ModelDefault,
    Prompts,
    Responses,
    Scores,
    Split,
    Takes,
    TokenScores,
    transcript,
)
from trainers.policy_gradient.advantages import Advantage, Weighted, advantages
from trainers.training.tokenization import Reader
from trainers.training.trainer import Trainer, with_ends
from trainers.training.turns import transcript_tokens

if TYPE_CHECKING:
    from transformers import Trainer as Learner

Weights = Annotated[Mapping[str, float], Takes(Scores)]
"""Stages of scores, each with its weight in a sum."""
TokenWeights = Annotated[Mapping[str, float], Takes(TokenScores)]


class PolicyGradient(Trainer):
    """Raises the probability of a policy's own responses by their advantage: the better ones of a
    prompt become more likely, the worse ones less.

    The policy that sampled, π₀, must be the policy before training: the role ``start``, or what the
    stage ``checkpoint`` trained. Its log-probs are computed once, before the first step, at
    temperature 1. Responses of other weights of this machine are refused. With ρ =
    π/π₀ and the advantage A, a cost is −min(ρ·A, clip(ρ, 1 − clip, 1 + clip)·A) + beta·KL, with KL
    = ρ·(1/ρ − 1 − log 1/ρ), an estimate of the divergence from π₀.

    ``rewards``: the reward of a response is the weighted sum of its scores as a whole. Several
    annotators of a stage are averaged. ``step_rewards``: the return of a step is the reward of the
    response, and the weighted sum of the scores of this step and of those after it. A step's tokens
    have its advantage, and the end of the turn belongs to the last step. ``token_rewards``: the
    same for tokens, whose scores must be of the policy's tokens. Without either, the return is the
    reward, of all tokens.

    ``advantage``: from a return the mean over the prompt's responses is subtracted (``group``), or
    that over the others (``leave_one_out``); of steps, from the same step on, where a response with
    fewer steps counts with its reward; of tokens, from the first token on. ``scale`` divides by the
    standard deviation of the differences from the mean, plus 1e-4; of tokens, each response counts
    with the mean of its squares. ``baseline`` is subtracted in place of a mean: a stage's score of
    the prompt (step −1) or, if it has none, of the whole; for later steps of ``step_rewards``, the
    score of the step before.

    ``loss``: ``grpo`` has a ρ for each token and is the mean over responses of the mean over their
    tokens; ``bnpo`` is the mean over the tokens of a forward pass, so long responses count for
    more; ``rloo`` has one ρ for the response, whose KL is the sum over its tokens. They are TRL's
    losses of these names; TRL's RLOO subtracts KL from rewards, which is 0 here.

    ``batches``: the prompts are cut into so many parts. The stages that sample, score and train are
    made once for each, on the policy of the batch before: ``responses_1``, ``policy_1``,
    ``responses_2``, … (`assets.project.batches`). ρ is to the policy that sampled the batch, and KL
    to that before the first batch. So with ``reference``, the stage of an earlier batch, KL is to
    the weights that this stage started from, π_ref: ρ·(1/q − 1 − log 1/q) with q = π/π_ref.

    A response that was cut off is trained without an end of the turn: it is what the policy did,
    and without it the mean would be that of other responses. A response without a reward is
    dropped, and so are all of a prompt whose returns are equal: they teach nothing. A response with
    a thought apart from its text is dropped (`filters.JoinReasoning` joins them). Of a transcript
    the assistant's turns are learned, by rewards of the whole.

    Source: Shao et al. 2024, DeepSeekMath (arXiv:2402.03300), for GRPO; there the rewards of steps
    are normalized, and here their returns. Ahmadian et al. 2024 (arXiv:2402.14740) for RLOO.
    """

    training: ClassVar = "policy_gradient"
    # The policy before training is read whole, before the first step.
    shards: ClassVar = False
    unit: ClassVar = "response_id"
    relative: ClassVar = True

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    rewards: Weights = Field(default_factory=dict)
    step_rewards: Weights = Field(default_factory=dict)
    token_rewards: TokenWeights = Field(default_factory=dict)
    baseline: Annotated[str | None, Takes(Scores)] = None
    reference: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM",))] = None
    batches: int = Field(1, ge=1, le=64)
    advantage: Advantage = "group"
    scale: bool = True
    loss: Literal["grpo", "bnpo", "rloo"] = "grpo"
    clip: float = Field(0.2, gt=0, lt=1)
    beta: float = Field(0.04, ge=0)
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-6, gt=0)

    @model_validator(mode="after")
    def _parameters_fit(self) -> "PolicyGradient":
        if not (self.rewards or self.step_rewards or self.token_rewards):
            raise ValueError("nothing is rewarded: set rewards: {STAGE: 1.0}, or step_rewards")
        if self.step_rewards and self.token_rewards:
            raise ValueError("rewards are of steps or of tokens: leave out one of the two")
        if (self.step_rewards or self.token_rewards) and self.loss == "rloo":
            raise ValueError("loss rloo has one advantage for a response: set loss: grpo or bnpo")
        if self.baseline is not None and "advantage" in self.model_fields_set:
            raise ValueError("baseline is subtracted in place of a mean: leave out advantage")
        return self

    @property
    def unnamed(self) -> frozenset[str]:
        return frozenset({"token_rewards", "reference", "batches"})

    def reference_model(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Binding | None:
        if self.reference is None or tables[self.reference].is_empty() or not self.beta:
            return None
        first = tables[self.reference]["start"][0]
        return with_weights(context, self.start, first).roles[self.start]

    def _result(
        self,
        tables: Mapping[str, pl.DataFrame],
        context: Context,
        *,
        reference: Binding | None = None,
    ) -> Split:
        if self.batches > 1:
            raise EngineError(
                f"stage {context.stage!r} has {self.batches} batches, which the stages of a recipe "
                "make: outside of a recipe, train on one batch after the other"
            )
        self._refuse_other_samples(tables[self.of], context)
        return super()._result(tables, context, reference=reference)

    def _refuse_other_samples(self, responses: pl.DataFrame, context: Context) -> None:
        """Refuse responses of other weights: without their log-probs their ratio is not known. What
        a server sampled cannot be compared."""
        from engines.weights import weights_revision

        start, *_ = weights_revision(self._binding(context)).split("/")
        digest = responses["origin"].struct.field("model").str.split("/").list.first()
        others = (digest.str.starts_with("sha:") & (digest != start)).sum()
        if others and start.startswith("sha:"):
            raise EngineError(
                f"recipe {context.recipe!r}, stage {context.stage!r}: {others} of the "
                f"{responses.height} responses of stage {self.of!r} were sampled by other weights "
                f"than those that training starts from: sample with the role {self.start!r} and, "
                "if training has a checkpoint, with the same one"
            )

    def gather(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The responses with their prompts and the advantages of their steps. ``reason`` says why
        one is not trained on."""
        tables = as_asked(self, tables)
        responses = tables[self.of]
        step_advantages = advantages(
            responses,
            rewards=_weighted(self.rewards, tables),
            step_rewards=_weighted(self.step_rewards, tables),
            token_rewards=_weighted(self.token_rewards, tables),
            baseline=None if self.baseline is None else tables[self.baseline],
            advantage=self.advantage,
            scale=self.scale,
        )
        thought = pl.col("reasoning").is_not_null()
        ends = pl.col("steps").list.eval(pl.element().struct.field("end"))
        examples = (
            responses.join(step_advantages, on="response_id", how="left", maintain_order="left")
            .join(
                tables[self.prompts].select("prompt_id", prompt="messages"),
                on="prompt_id",
                how="left",
                maintain_order="left",
            )
            .select(
                "response_id",
                "prompt",
                "text",
                "advantages",
                pl.when(pl.col("prompt").is_null())
                .then(pl.lit("prompt not found"))
                .when(thought)
                .then(pl.lit("its thought is apart from its text: use filters.JoinReasoning"))
                .otherwise("reason")
                .alias("reason"),
                pl.when(pl.col("finish") == "length").then(False).alias("ends"),
                *([ends.alias("steps")] if self.step_rewards else []),
                *(["token_ends"] if self.token_rewards else []),
                *(["turns"] if responses["turns"].count() else []),
            )
        )
        names = [name for name in examples.columns if name != "ends"]
        return examples.select([*names, *with_ends(examples)])

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        if row["reason"] is not None:
            raise RowError(row["reason"])
        ended = row.get("ends") is not False
        if row.get("turns") is not None:
            return self._of_transcript(row, reader, ended=ended)
        if "steps" in row:
            ids, steps = reader.numbered(row["text"], row["steps"], ended=ended)
        elif "token_ends" in row:
            ids = reader.answer(row["text"], ended=ended)
            steps = list(range(len(ids)))
            if reader.ends(row["text"]) != row["token_ends"]:
                raise RowError(
                    "the scores of its tokens are of another tokenizer than the policy's"
                )
            if ended and len(row["advantages"]) < len(ids):
                raise RowError("the end of its turn has no score, though it was not cut off")
        else:
            ids = reader.answer(row["text"], ended=ended)
            steps = [0] * len(ids)
        prompt = reader.prompt(row["prompt"], row["text"])
        return {
            "prompt_ids": prompt,
            "answer_ids": ids,
            "advantages": [row["advantages"][step] for step in steps],
            "length": len(prompt) + len(ids),
        }

    def _of_transcript(
        self, row: Mapping[str, Any], reader: Reader, *, ended: bool
    ) -> dict[str, Any]:
        """The example of a transcript: what others said in it has no advantage and no ratio."""
        if "steps" in row or "token_ends" in row:
            raise RowError("it is a transcript, whose reward is of the whole: set rewards only")
        answer = transcript(row["text"], (turn.values() for turn in row["turns"]))
        prompt = reader.prompt(row["prompt"], answer[0]["content"])
        ids, own_tokens = transcript_tokens(row["prompt"], answer, prompt, reader, ended=ended)
        (advantage,) = row["advantages"]
        return {
            "prompt_ids": prompt,
            "answer_ids": ids,
            "spoken": [float(own) for own in own_tokens],
            "advantages": [advantage * own for own in own_tokens],
            "length": len(prompt) + len(ids),
        }

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.policy_gradient.loop import sample_trainer

        return sample_trainer(
            encoded, arguments=arguments, loss=self.loss, clip=self.clip, beta=self.beta, **parts
        )


def _weighted(weights: Mapping[str, float], tables: Mapping[str, pl.DataFrame]) -> Weighted:
    return [(tables[stage], weight) for stage, weight in weights.items()]
