"""Does the trained policy improve more than the control's?"""

from collections.abc import Mapping

import polars as pl

from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from trainers.evaluation.metrics import Measured, gains, measured_by, paired_interval


class PolicyGain(Measure):
    """The gain on held-out prompts by training on a recipe's data, compared with the gain by
    training on the control's data, or with 0 without a control.

    With ``rivals``, more stages of evaluations beside the control, it is compared with the one of
    them that gained most.

    Both policies are measured in the same way: by the accuracy of greedy answers, by the win rate
    over a tie (at any length), or by the reward.
    Of a recipe with several ``rounds`` the accuracy is compared with that before the first of them,
    the others with that before the last.
    """

    rivals: tuple[str, ...] = ()

    def control_stages(self) -> list[str]:
        return [*super().control_stages(), *self.rivals]

    def units(self, tables: Tables) -> tuple[str, int]:
        """The held-out prompts that the policy answered."""
        return "held-out prompts", tables[self.of].height

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = _gains(tables[self.of])
        by = measured_by(tables[self.of])
        others = [name for name in (self.control, *self.rivals) if name is not None]
        if not others:
            ours = ours.with_columns(control=pl.lit(0.0))
        else:
            for name in others:
                if control[name].height and measured_by(control[name]) != by:
                    raise UnmeasurableError(
                        f"the policy is measured by a {by}, the control's in another way: set the "
                        "same 'by' in both"
                    )
            gained = {name: _gains(control[name]).rename({"gain": "control"}) for name in others}
            best = max(others, key=lambda name: _mean(gained[name]["control"]))
            ours = ours.join(gained[best], on="prompt_id", how="inner")
        if ours.is_empty():
            raise UnmeasurableError("no held-out prompt was answered by both policies")
        low, high = paired_interval(ours["control"].to_numpy(), ours["gain"].to_numpy())
        measured = float(ours["gain"].to_numpy().mean())
        baseline = float(ours["control"].to_numpy().mean())
        against = best if self.rivals else "the control"
        return Figures(
            measured,
            None if not others else baseline,
            low,
            high,
            held=low > 0,
            says=(
                f"held-out {_NAMES[by]} rose by {_with_unit(measured, by)}, with {against} by "
                f"{_with_unit(baseline, by)}: difference {_with_unit(measured - baseline, by)} "
                f"[{_signed(low, by)}, {_signed(high, by)}]"
            ),
        )


_NAMES: Mapping[Measured, str] = {
    "check": "accuracy",
    "judge": "win rate over a tie",
    "reward": "reward",
}


def _mean(gained: pl.Series) -> float:
    return float(gained.to_numpy().mean()) if gained.len() else 0.0


def _with_unit(value: float, by: Measured) -> str:
    return _signed(value, by) + ("" if by == "reward" else " points")


def _signed(value: float, by: Measured) -> str:
    return f"{value:+.3g}" if by == "reward" else f"{100 * value:+.1f}"


def _gains(evaluations: pl.DataFrame) -> pl.DataFrame:
    return evaluations.select("prompt_id", gain=gains()).sort("prompt_id")
