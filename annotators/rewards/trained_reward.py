"""The base class of annotators that score by a model with a trained reward head."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Annotated, Any

import polars as pl
from pydantic import model_validator

from annotators.probes.probed import ProbedAnnotator
from engines.context import Context
from engines.operators.rebinding import bind_checkpoint
from schemas import Checkpoints, RewardingRole, Takes

log = logging.getLogger(__name__)


class TrainedReward(ProbedAnnotator):
    """Base class: scores responses by the rewards of ``model`` (`engines.protocol.Engine.reward`).

    ``checkpoint``: the stage that trained the reward model. It then runs in this process, and the
    role gives only the device and the number type.
    """

    model: RewardingRole = "reward"
    checkpoint: Annotated[
        str | None, Takes(Checkpoints, tasks=("CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS"))
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _without_batches(cls, fields: Any) -> Any:
        old = {"batch_size", "batch_tokens"} & fields.keys() if isinstance(fields, Mapping) else {}
        for name in old:
            log.warning(
                "%s is not used any more: the role's engine forms batches; its options "
                "(score_tokens) say how many tokens one forward pass takes",
                name,
            )
        return {key: value for key, value in fields.items() if key not in old} if old else fields

    @property
    def trained_by(self) -> str | None:
        """The stage that trained the reward model, if any."""
        return self.checkpoint

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The role, bound to the weights of ``checkpoint`` if it is set."""
        if self.checkpoint is None:
            return context
        context = bind_checkpoint(
            context, self.model, tables[self.checkpoint], stage=self.checkpoint
        )
        binding = context.roles[self.model].in_process()
        return dataclasses.replace(context, roles={**context.roles, self.model: binding})
