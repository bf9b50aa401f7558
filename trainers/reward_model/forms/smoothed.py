"""Labels that move towards what the model says of them."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from trainers.reward_model.forms.pair_form import Loss, Outputs, PairForm

if TYPE_CHECKING:
    from torch import Tensor


class Smoothed(PairForm):
    """After each epoch, the confidence C of every pair moves towards the probability that the model
    gives to its label: C ← (1 − rate) · C + rate · σ(r(w) − r(l)).

    So a pair that the others contradict is learnt less and less, and several epochs do less harm.
    The report has ``labels/below_half``, the share of pairs whose label is by now held to be more
    likely wrong than right. One epoch is the same as form bradley_terry. A training that was killed
    begins anew, because the confidences of its last epoch are not stored.

    Source: Zhu et al. 2024, Iterative Data Smoothing (arXiv:2401.16335), algorithm 1.
    """

    relabels: ClassVar[bool] = True

    name: Literal["smoothed"] = "smoothed"
    rate: float = Field(0.7, gt=0, le=1)

    def loss(self, outputs: Outputs) -> Loss:
        weight = outputs.batch["weight"]
        return Loss(
            super().loss(outputs).pairs, figures={"labels/below_half": (weight < 0.5).float()}
        )

    def relabelled(self, weights: "Tensor", margins: "Tensor") -> "Tensor":
        return (1 - self.rate) * weights + self.rate * margins.sigmoid()
