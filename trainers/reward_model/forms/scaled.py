"""Bradley-Terry, scaled by the strength of the preference."""

from dataclasses import replace
from typing import ClassVar, Literal

from trainers.reward_model.forms.pair_form import Loss, Outputs, PairForm


class Scaled(PairForm):
    """The loss of a pair, times its ``margin``: the strength m of the preference.

    −m · log σ(r(w) − r(l)). A strong preference is then learnt as if it had been seen m times, but
    no difference of rewards is asked for, as ``margin_scale`` does. A pair without a strength above
    0 is dropped.

    Source: Wang et al. 2024, HelpSteer2-Preference (arXiv:2410.01257), where m is 1, 2 or 3.
    """

    reads_margin: ClassVar[bool] = True

    name: Literal["scaled"] = "scaled"

    def loss(self, outputs: Outputs) -> Loss:
        plain = super().loss(outputs)
        return replace(plain, pairs=plain.pairs * outputs.batch["strength"])
