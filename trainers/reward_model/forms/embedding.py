"""Preferences as products of vectors, which may be cyclic."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from trainers.reward_model.forms.pair_form import Loss, Outputs, PairForm, draw_zeros

if TYPE_CHECKING:
    from torch import Tensor


class Embedding(PairForm):
    """A response is a unit vector v of 2 · ``planes`` numbers instead of one reward, and the
    log-odds that one is preferred to another are s = ⟨R·v(w), v(l)⟩ / ``temperature``.

    R turns each plane by a quarter, so ⟨R·v, u⟩ = −⟨R·u, v⟩: a response against itself is even, and
    preferences may be cyclic, which no reward can express. The loss is that of form bradley_terry
    with s as the difference of rewards. The head begins at random.

    `annotators.PreferenceScore` compares the responses to a prompt by such a model.

    Source: Zhang et al. 2024, General Preference Modeling (arXiv:2410.02197), with the public
    code's temperature of 0.1; the scales of planes that depend on the prompt are left out.
    """

    name: Literal["embedding"] = "embedding"
    planes: int = Field(1, ge=1, le=64)
    temperature: float = Field(0.1, gt=0)

    @property
    def labels(self) -> int:
        return 2 * self.planes

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(f"{axis}-{plane}" for plane in range(self.planes) for axis in "xy")

    def begin(self, head: "Tensor", *, seed: int) -> None:
        draw_zeros(head, seed=seed)

    def loss(self, outputs: Outputs) -> Loss:
        from trainers.dpo.losses import mixture

        log_odds = self._log_odds(outputs.logits) - outputs.batch["target"]
        return Loss(mixture(log_odds, outputs.batch["weight"]))

    def rewards(self, logits: "Tensor") -> "Tensor":
        """Half of the log-odds of a pair for its chosen side, and less that for the other."""
        import torch

        half = self._log_odds(logits) / 2
        return torch.cat([half, -half])

    def _log_odds(self, logits: "Tensor") -> "Tensor":
        """s of each pair, Float[pairs, 1]."""
        import torch.nn.functional as F

        chosen, rejected = F.normalize(logits.float(), dim=1).chunk(2)
        turned = chosen[:, 0::2] * rejected[:, 1::2] - chosen[:, 1::2] * rejected[:, 0::2]
        return turned.sum(dim=1, keepdim=True) / self.temperature
