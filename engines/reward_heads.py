"""What the head of a reward model must be, and how its logits are read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engines.protocol import UntrainedHeadError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RewardHead:
    """One kind of head.

    Attributes:
        kind: what messages call a model with such a head.
        labels: how many labels it may have.
        remedy: what it must have, and how to get one.
    """

    kind: str
    labels: tuple[int, ...]
    remedy: str

    def check(self, config: Any, name: object, *, trained: bool) -> None:
        """Raises `UntrainedHeadError` unless the model ``name``, of the Transformers configuration
        ``config``, has a ``trained`` head of this kind."""
        if not trained or config.num_labels not in self.labels:
            raise UntrainedHeadError(f"{name} is no {self.kind}: {self.remedy}")


OUTCOME = RewardHead(
    "reward model",
    (1,),
    "it has no trained head of one label. Train one with trainers.RewardModel and name that stage "
    "as checkpoint:, or bind the role to a sequence classification model",
)
STEPS = RewardHead(
    "process reward model",
    (1, 2),
    "it has no trained head of one or two labels for each token. Train one with trainers.PRM or "
    "trainers.ValueHead and name that stage as checkpoint:, or bind the role to a token "
    "classification model",
)


def step_rewards(logits: "torch.Tensor", config: Any) -> "torch.Tensor":
    """Float[...] of Float[..., labels].

    Of two labels the second is the right step's. One label is the logit of a probability, unless
    ``step_reward`` in the model's configuration is "value".
    """
    if logits.shape[-1] == 2:
        return logits.softmax(dim=-1)[..., 1]
    value = getattr(config, "step_reward", "probability") == "value"
    return logits[..., 0] if value else logits[..., 0].sigmoid()
