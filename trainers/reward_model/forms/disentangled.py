"""A head for the quality of a response and one for its length."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from trainers.reward_model.forms.pair_form import Loss, Outputs, PairForm, draw_zeros

if TYPE_CHECKING:
    from torch import Tensor


class Disentangled(PairForm):
    """Two heads on one body: q for quality, l for length. Their sum learns the preferences, so that
    what length explains of them need not be in q, and l is thrown away at the end: the folder has
    the head q alone.

    loss = −log σ(q(w) + l(w) − q(r) − l(r)) + length · (|ρ(q, n)| − ρ(l, n)) + orthogonal · |cos|

    ρ is the correlation over the responses of a forward pass with their number of tokens n, so
    batches must be large. cos is that of the angle between the weights of the heads. They begin at
    random, because a head of 0 has no direction.

    The report has ``correlation/quality`` and ``correlation/length``.

    Source: Chen et al. 2024, ODIN (arXiv:2402.07319), where both weights are 1. That paper's
    orthogonality is a product of the weights; the cosine does not also make them small.
    """

    name: Literal["disentangled"] = "disentangled"
    length: float = Field(1.0, ge=0)
    orthogonal: float = Field(1.0, ge=0)

    @property
    def labels(self) -> int:
        return 2

    def begin(self, head: "Tensor", *, seed: int) -> None:
        # A head that goes on from a reward model has its reward as quality.
        draw_zeros(head, seed=seed)

    def loss(self, outputs: Outputs) -> Loss:
        import torch.nn.functional as F

        from trainers.dpo.losses import mixture

        batch, lengths = outputs.batch, outputs.batch["lengths"].float()
        chosen, rejected = outputs.logits.float().sum(dim=1, keepdim=True).chunk(2)
        quality, length = (correlation(each, lengths) for each in outputs.logits.float().T)
        of_quality, of_length = outputs.head.float()
        cosine = F.cosine_similarity(of_quality, of_length, dim=0)
        return Loss(
            mixture(chosen - rejected - batch["target"], batch["weight"]),
            self.length * (quality.abs() - length) + self.orthogonal * cosine.abs(),
            {"correlation/quality": quality, "correlation/length": length, "cosine": cosine},
        )

    def rewards(self, logits: "Tensor") -> "Tensor":
        return logits[..., :1]

    def exported(self, model: Any) -> Any:
        import torch

        quality = model.score.weight.data[:1]
        model.score = torch.nn.Linear(quality.shape[1], 1, bias=False).to(quality)
        model.score.weight.data.copy_(quality)
        model.config.num_labels = 1
        model.num_labels = 1
        return model


def correlation(one: "Tensor", other: "Tensor") -> "Tensor":
    """Pearson's correlation of two Float[n]; 0 where one of them does not vary."""
    one, other = one - one.mean(), other - other.mean()
    norms: Tensor = one.norm() * other.norm()
    return (one * other).sum() / norms.clamp_min(1e-8)
