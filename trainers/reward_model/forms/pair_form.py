"""The interface of all forms of a reward model, and what they share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """What a reward model's head gives for a batch of pairs, chosen sides first.

    Attributes:
        logits: Float[2 · pairs, labels].
        head: the weights of the head, Float[labels, hidden].
        batch: ``weight``, the confidence that the label is right, ``target``, what is subtracted
            from the difference of rewards, and ``strength``, the strength of the preference, each
            Float[pairs, 1]; ``lengths``, the tokens of the answers, Int[2 · pairs]; and if the form
            `reads_ratings`, ``ratings``, Float[2 · pairs, 1], and which sides are ``rated``, Bool.
    """

    logits: "Tensor"
    head: "Tensor"
    batch: Mapping[str, "Tensor"]


@dataclass(frozen=True)
class Loss:
    """The loss of a batch.

    Attributes:
        pairs: Float[pairs, heads].
        batch: what is added to their mean.
        figures: Float[any], for the report, by name.
    """

    pairs: "Tensor"
    batch: "Tensor | float" = 0.0
    figures: Mapping[str, "Tensor"] = field(default_factory=dict)


class PairForm(BaseModel):
    """What is learnt from a pair. Each form has a ``name``. What it leaves as it is here is of the
    Bradley-Terry model: one reward, and the loss that `trainers.RewardModel` tells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reads_margin: ClassVar[bool] = False
    """Whether it reads the margin of a pair as the strength of the preference."""

    reads_ratings: ClassVar[bool] = False
    """Whether it reads ratings of the sides."""

    relabels: ClassVar[bool] = False
    """Whether it changes the confidences of the pairs after an epoch."""

    @property
    def labels(self) -> int:
        """The number of outputs of the head while it is trained."""
        return 1

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs in the trained model; empty if it has one reward."""
        return ()

    def begin(self, head: "Tensor", *, seed: int) -> None:
        """Change the weights of a head before the first step."""

    def loss(self, outputs: Outputs) -> Loss:
        """The loss of a batch."""
        from trainers.dpo.losses import mixture
        from trainers.reward_model.ensembles import margins

        batch = outputs.batch
        return Loss(mixture(margins(outputs.logits, batch["target"]), batch["weight"]))

    def rewards(self, logits: "Tensor") -> "Tensor":
        """The rewards, Float[..., heads], from Float[..., labels]."""
        from trainers.reward_model.ensembles import means

        return means(logits)

    def relabelled(self, weights: "Tensor", margins: "Tensor") -> "Tensor":
        """The confidences of all pairs after an epoch, if `relabels`.

        Args:
            weights: those of before, Float[pairs].
            margins: r(w) − r(l) by the model as it is now, Float[pairs].
        """
        return weights

    def exported(self, model: Any) -> Any:
        """The trained model as it is kept."""
        return model


def draw_zeros(head: "Tensor", *, seed: int) -> None:
    """Give the labels of a head that are 0 random weights: they have no direction."""
    import torch

    drawn = torch.randn(head.shape, generator=torch.Generator().manual_seed(seed)) * 0.02
    for weights, new in zip(head, drawn, strict=True):
        if not weights.any():
            weights.copy_(new)
