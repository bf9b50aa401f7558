"""The kinds of reward heads, and rewards from their logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Any

from engines.protocol import UntrainedHeadError

if TYPE_CHECKING:
    import torch

_HIGHEST = 300.0
"""Of a logarithm of a variance, so that the variance is finite."""


@dataclass(frozen=True)
class RewardHead:
    """One kind of head.

    Attributes:
        kind: the name of a model with such a head, for messages.
        labels: the allowed numbers of labels.
        several: whether it may be several heads, with a mean and a variance each, or several named
            outputs.
        remedy: the requirement and what to do, for messages.
    """

    kind: str
    labels: tuple[int, ...]
    remedy: str
    several: bool = False

    def check(self, config: Any, name: object, *, trained: bool) -> None:
        """Raises `UntrainedHeadError` unless the model has a trained head of this kind.

        Args:
            config: the model's Transformers configuration.
            name: the model's name, for the message.
            trained: whether the weights have a head.
        """
        more: tuple[int, ...] = ()
        if self.several:
            more = (2 * getattr(config, "reward_heads", 0), len(outputs_in(config)))
        if not trained:
            raise UntrainedHeadError(f"{name} is not a {self.kind}: {self.remedy}")
        if config.num_labels not in (*self.labels, *(n for n in more if n)):
            shown = ", ".join(str(label) for label in list(config.id2label.values())[:8])
            raise UntrainedHeadError(
                f"{name} is a classifier of {config.num_labels} labels ({shown}), not a "
                f"{self.kind}: {self.remedy}"
            )


OUTCOME = RewardHead(
    "reward model",
    (1,),
    "it has no trained head of one label. Train one with trainers.RewardModel and name that stage "
    "as checkpoint:, or bind the role to a sequence classification model of one label",
    several=True,
)
STEPS = RewardHead(
    "process reward model",
    (1, 2),
    "it has no trained head of one or two labels for each token. Train one with trainers.PRM or "
    "trainers.ValueHead and name that stage as checkpoint:, or bind the role to a token "
    "classification model",
)


def outputs_in(config: Any) -> tuple[str, ...]:
    """The names of a reward model's outputs, by its Transformers configuration; empty if it has one
    reward, or several heads."""
    return tuple(getattr(config, "reward_outputs", None) or ())


def of_heads(values: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The rewards of a model's heads, and their variances: those of one head are not known."""
    if len(values) == 1:
        return tuple(values), ()
    means, logarithms = values[: len(values) // 2], values[len(values) // 2 :]
    return tuple(means), tuple(exp(min(each, _HIGHEST)) for each in logarithms)


def step_rewards(logits: "torch.Tensor", config: Any) -> "torch.Tensor":
    """Rewards of steps, Float[...], from logits, Float[..., labels].

    With two labels, the probability of the second, which is that of a right step. With one label,
    its sigmoid; or the label itself if ``step_reward`` in the configuration is "value".
    """
    if logits.shape[-1] == 2:
        return logits.softmax(dim=-1)[..., 1]
    value = getattr(config, "step_reward", "probability") == "value"
    return logits[..., 0] if value else logits[..., 0].sigmoid()
