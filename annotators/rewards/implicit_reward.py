"""The reward that a policy learnt by DPO without anybody writing it down."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import Field, model_validator

from annotators.probes.probed import ProbedAnnotator
from annotators.rewards.log_ratio import Normalise, log_ratios
from engines.context import Context
from engines.model import Models
from engines.operators.rebinding import bound, with_weights
from engines.operators.scores import Score, opinions
from engines.rows import Prompt, Response
from schemas import Checkpoints, ScoringRole, Takes


class ImplicitReward(ProbedAnnotator):
    """r(x, y) = β · (log π(y | x) − log π_ref(y | x)), in nats times ``beta``.

    With ``checkpoint``, the stage that trained one, π is what it trained and π_ref what it started
    from, which is the reference of DPO's loss: ``policy`` and ``reference`` then say only which
    engine and number type run them. ``normalise: token`` divides each log-likelihood by its number
    of tokens (the annotator's name is then ``implicit_reward_per_token``).

    Source: Rafailov et al. 2023, DPO (arXiv:2305.18290), equation 5, less the term of the prompt
    alone, which is the same for all its responses.
    """

    policy: ScoringRole = "policy"
    reference: ScoringRole = "policy@initial"
    beta: float = Field(default=0.1, gt=0)
    normalise: Normalise = "sum"
    checkpoint: Annotated[str | None, Takes(Checkpoints)] = None

    @model_validator(mode="after")
    def _two_models(self) -> "ImplicitReward":
        if self.policy == self.reference:
            raise ValueError(
                f"'policy' and 'reference' are both {self.policy!r}: a model's reward over itself "
                "is always 0"
            )
        return self

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The two models bound. Raises `EngineError` unless ``checkpoint`` gave one."""
        if self.checkpoint is not None:
            trained = tables[self.checkpoint]
            context = bound(context, self.policy, trained, stage=self.checkpoint)
            context = with_weights(context, self.reference, trained["start"][0])
        return super().prepared(tables, context)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response."""
        policy, reference = models[self.policy], models[self.reference]
        ratios = await log_ratios(
            responses,
            (policy, prompt.messages),
            (reference, prompt.messages),
            normalise=self.normalise,
        )
        name = "implicit_reward" if self.normalise == "sum" else "implicit_reward_per_token"
        revisions = f"{policy.scoring_revision} over {reference.scoring_revision}"
        values = [self.beta * ratio for ratio in ratios]
        known = {"beta": self.beta, "normalise": self.normalise}
        return opinions(name, responses, values, model=revisions, parameters=known)
