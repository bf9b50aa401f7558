"""Does the trained policy improve more than the control's?"""

from collections.abc import Mapping

import polars as pl

from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from trainers.evaluation.metrics import paired_interval


class PolicyGain(Measure):
    """The gain of held-out accuracy (greedy) by training on a recipe's data, compared with the gain
    by training on the control's data, or with 0 without a control."""

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = _gains(tables[self.of])
        if self.control is None:
            ours = ours.with_columns(control=pl.lit(0.0))
        else:
            theirs = _gains(control[self.control]).rename({"gain": "control"})
            ours = ours.join(theirs, on="prompt_id", how="inner")
        if ours.is_empty():
            raise UnmeasurableError("no held-out prompt was answered by both policies")
        low, high = paired_interval(ours["control"].to_numpy(), ours["gain"].to_numpy())
        measured = float(ours["gain"].to_numpy().mean())
        baseline = float(ours["control"].to_numpy().mean())
        return Figures(
            measured,
            None if self.control is None else baseline,
            low,
            high,
            held=low > 0,
            says=(
                f"held-out accuracy rose by {100 * measured:+.1f} points, with the control by "
                f"{100 * baseline:+.1f}: difference {100 * (measured - baseline):+.1f} points "
                f"[{100 * low:+.1f}, {100 * high:+.1f}]"
            ),
        )


def _gains(evaluations: pl.DataFrame) -> pl.DataFrame:
    after, before = (pl.col(f"greedy_{when}").cast(pl.Float64) for when in ("after", "before"))
    return evaluations.select("prompt_id", gain=after - before).sort("prompt_id")
