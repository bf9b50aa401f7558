"""Do methods come in the same order with other feedback?"""

from collections.abc import Mapping
from functools import reduce
from itertools import combinations

import numpy as np
from pydantic import Field

from assets.project.intervals import RESAMPLES
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from kernels.intervals import Floats, bootstrap_interval
from trainers.evaluation.metrics import gains, measured_by


class MethodOrder(Measure):
    """Kendall's τ between two orders of the same methods by their gain on held-out prompts: as they
    learn from a recipe's feedback, and as they learn from the control's. 1 for the same order, −1
    for the reverse one, and 0 is what orders at random have on average.

    ``of`` and ``control`` are the evaluations of a method with either feedback, and ``methods`` has
    those of the others, ``{with the recipe's feedback: with the control's}``. The policy before
    training is one more method, with a gain of 0.

    Of all pairs of methods, one in the same order counts 1, one in the reverse order −1, and one
    that is tied on a side 0 (τ_a). The interval is a percentile bootstrap over the held-out prompts
    that all policies answered; the trainings are not resampled.

    Source: Kendall 1938, A New Measure of Rank Correlation; methods are so compared by Dubois et
    al. 2023, AlpacaFarm (arXiv:2305.14387, section 4.3).
    """

    methods: Mapping[str, str] = Field(min_length=1)

    def stages(self) -> list[str]:
        return [*self.methods, self.of]

    def control_stages(self) -> list[str]:
        return [*self.methods.values(), *super().control_stages()]

    def units(self, tables: Tables) -> tuple[str, int]:
        """The held-out prompts that the policy answered."""
        return "held-out prompts", tables[self.of].height

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        self.required_control()
        sides = [
            [(name, side_tables[name]) for name in names]
            for names, side_tables in ((self.stages(), tables), (self.control_stages(), control))
        ]
        every = [one for side in sides for one in side]
        if len({measured_by(frame) for _, frame in every if frame.height}) > 1:
            raise UnmeasurableError(
                "the policies are measured in different ways: set the same 'by' in all stages that "
                "validate"
            )
        shared = reduce(
            lambda left, right: left.join(right, on="prompt_id", how="inner"),
            (
                frame.select("prompt_id", gains().alias(str(number)))
                for number, (_, frame) in enumerate(every)
            ),
        ).sort("prompt_id")
        if shared.is_empty():
            raise UnmeasurableError("no held-out prompt was answered by all policies")
        gained = shared.drop("prompt_id").to_numpy()
        ours, theirs = np.split(gained, 2, axis=1)
        prompts = len(gained)
        tau = float(kendall(ours.mean(axis=0), theirs.mean(axis=0)))
        low, high = bootstrap_interval(
            lambda drawn: kendall(drawn @ ours / prompts, drawn @ theirs / prompts),
            np.ones(prompts, dtype=np.int64),
            resamples=RESAMPLES,
        )
        listed = [
            ", ".join(f"{name} {gain:+.3f}" for (name, _), gain in zip(side, means, strict=True))
            for side, means in zip(sides, (ours.mean(axis=0), theirs.mean(axis=0)), strict=True)
        ]
        return Figures(
            tau,
            None,
            low,
            high,
            held=low > 0,
            says=(
                f"on {prompts:,} held-out prompts the methods gain {listed[0]}; with the other "
                f"feedback {listed[1]}: Kendall's tau {tau:+.2f} [{low:+.2f}, {high:+.2f}]"
            ),
        )


def kendall(ours: Floats, theirs: Floats) -> Floats:
    """Kendall's τ_a of methods and of no training, whose gain is 0.

    Args:
        ours: Float[..., methods], the gain of each method.
        theirs: Float[..., methods].

    Returns:
        Float[...], in [−1, 1].
    """
    one, other = (np.pad(each, [(0, 0)] * (each.ndim - 1) + [(1, 0)]) for each in (ours, theirs))
    pairs = list(combinations(range(one.shape[-1]), 2))
    first, second = (np.array(places) for places in zip(*pairs, strict=True))
    # Rounded, so that equal means stay ties.
    agree = [np.sign(np.round(each[..., first] - each[..., second], 12)) for each in (one, other)]
    return np.asarray((agree[0] * agree[1]).mean(axis=-1))
