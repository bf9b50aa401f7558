"""The implicit reward of a policy that was trained by DPO."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import polars as pl
from pydantic import Field, model_validator

from annotators.probes.probed import ProbedAnnotator
from annotators.rewards.log_ratio import Normalise, log_ratios, thoughts_scored
from engines.context import Context
from engines.model import Models
from engines.operators.rebinding import bind_checkpoint, with_weights
from engines.operators.scores import Score, opinions
from engines.rows import Prompt, Response
from schemas import Checkpoints, ScoringRole, Takes


class ImplicitReward(ProbedAnnotator):
    """r(x, y) = β · (log π(y | x) − log π_ref(y | x)), in nats times ``beta``.

    With ``checkpoint``, a stage that trained a policy, π is the trained policy and π_ref the
    weights that it started from, the reference of DPO's loss. ``policy`` and ``reference`` then
    only give the engine and number type. ``normalise: token`` divides each log-likelihood by its
    number of tokens (the annotator name is then ``implicit_reward_per_token``).
    ``after_thoughts``: as for `annotators.Likelihood`.

    Source: Rafailov et al. 2023, DPO (arXiv:2305.18290), equation 5, without the term that depends
    on the prompt alone.
    """

    policy: ScoringRole = "policy"
    reference: ScoringRole = "policy@initial"
    beta: float = Field(default=0.1, gt=0)
    normalise: Normalise = "sum"
    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM",))] = None
    after_thoughts: bool = False

    @model_validator(mode="after")
    def _two_models(self) -> "ImplicitReward":
        if self.policy == self.reference:
            raise ValueError(
                f"'policy' and 'reference' are both {self.policy!r}: a model's reward over itself "
                "is always 0"
            )
        return self

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The two models, bound to the weights of ``checkpoint`` if it is set.

        Raises:
            EngineError: ``checkpoint`` did not give exactly one checkpoint.
        """
        if self.checkpoint is not None and not tables[self.checkpoint].is_empty():
            trained = tables[self.checkpoint]
            context = bind_checkpoint(context, self.policy, trained, stage=self.checkpoint)
            context = with_weights(context, self.reference, trained["start"][0])
        return super().prepared(tables, context)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        policy, reference = models[self.policy], models[self.reference]
        ratios = await log_ratios(
            responses,
            (policy, prompt.messages),
            (reference, prompt.messages),
            normalise=self.normalise,
            after_thoughts=self.after_thoughts,
        )
        name = "implicit_reward" if self.normalise == "sum" else "implicit_reward_per_token"
        revisions = f"{policy.scoring_revision} over {reference.scoring_revision}"
        values = [self.beta * ratio for ratio in ratios]
        parameters: dict[str, Any] = {"beta": self.beta, "normalise": self.normalise}
        parameters |= thoughts_scored(self.after_thoughts)
        return opinions(name, responses, values, model=revisions, parameters=parameters)
