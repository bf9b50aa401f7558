"""Is what is answered right more often if the unsure answers are left out?"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.project.intervals import RESAMPLES
from assets.project.label_truth import known_responses, mean_scores
from assets.project.measure import Figures, MeasureOfScores, Tables, UnmeasurableError
from kernels.intervals import Floats, bootstrap_interval

_CELLS = 2_000_000
"""The most weights (resamples x responses) in memory at once."""


class Selective(MeasureOfScores):
    """The area under the risk-coverage curve of the confidences of stage ``of``: the share of wrong
    responses among the surest, as a mean over all shares of responses that may be answered. Lower
    is better. It is compared with the control's area, or with the share of wrong responses without
    a control, which is the area of a confidence that knows nothing. With ``rivals``, more stages of
    confidences beside the control, it is compared with the one of the smallest area.

    ``says`` adds the share of responses that are answered, those with a confidence of at least
    ``answered_at``, and how many of these are right. A response without a score, such as one that
    declines to answer, is the least sure of all.

    Source: Geifman & El-Yaniv 2017 (arXiv:1705.08500).
    """

    answered_at: float = 0.5
    rivals: tuple[str, ...] = ()

    def control_stages(self) -> list[str]:
        return [*super().control_stages(), *self.rivals]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = self._checked(tables, self.of, checks)
        names = [name for name in (self.control, *self.rivals) if name is not None]
        others = {name: self._checked(control, name, checks) for name in names}
        best = min(others, key=lambda name: _area(others[name]), default=None)
        theirs = ours.with_columns(value=pl.lit(0.0)) if best is None else others[best]
        measured, baseline, low, high = _compared(ours, theirs)
        against = "knowing nothing" if best is None else self._answered(theirs)
        if best is not None and self.rivals:
            against = f"{best}: {against}"
        return Figures(
            measured,
            baseline,
            low,
            high,
            held=high < 0,
            below=True,
            says=(
                f"{self._answered(ours)}; area under the risk-coverage curve {measured:.3f}, of "
                f"the control ({against}) {baseline:.3f}: difference {measured - baseline:+.3f} "
                f"[{low:+.3f}, {high:+.3f}]"
            ),
        )

    def _checked(self, tables: Tables, stage: str, checks: Mapping[str, str]) -> pl.DataFrame:
        """The responses whose truth is known: ``prompt_id``, ``value`` and ``right``."""
        truth = known_responses(tables[self.responses], tables[self.prompts], checks)
        if truth.is_empty():
            raise UnmeasurableError("of no response is it known whether it is right")
        values = mean_scores(tables[stage])
        scored = truth.join(values, on="response_id", how="left")
        return scored.with_columns(pl.col("value").fill_null(-np.inf)).sort("response_id")

    def _answered(self, checked: pl.DataFrame) -> str:
        answered = checked.filter(pl.col("value") >= self.answered_at)["right"]
        share = f"{len(answered) / checked.height:.1%} of {checked.height:,} responses are answered"
        rightly = float(answered.to_numpy().mean()) if len(answered) else None
        return share if rightly is None else f"{share}, {rightly:.1%} of them rightly"


def risk_coverage_area(
    values: npt.ArrayLike, right: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """The mean over k = 1 … n of the share of wrong responses among the k surest. Of equally sure
    responses the order is random: the area is its expectation.

    Args:
        values: Float[responses], the confidences.
        right: Bool[responses].
        weights: Int[..., responses], how often each response counts; by default once.

    Returns:
        Float[...] in [0, 1]; nan where no response counts.
    """
    value, wrong = np.asarray(values, np.float64), ~np.asarray(right, np.bool_)
    weight = np.ones(len(value), np.int64) if weights is None else np.asarray(weights, np.int64)
    order = np.argsort(-value, kind="stable")
    ordered = value[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    count, errors = (
        np.add.reduceat(weight[..., order] * kind, starts, axis=-1)
        for kind in (np.ones(len(value), np.int64), wrong[order])
    )  # of each distinct value, the surest first
    reached, total = np.cumsum(count, axis=-1), count.sum(-1)
    before, errors_before = reached - count, np.cumsum(errors, axis=-1) - errors
    # The k-th response is one of a group with rate e/c of errors: the risk there is expected to be
    # (E + (k − K) e/c) / k, with E errors among the K responses before the group.
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, total.max(initial=0) + 1))])
    rate = errors / np.maximum(count, 1)
    summed = errors + (errors_before - before * rate) * (harmonic[reached] - harmonic[before])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(summed.sum(-1) / total)


def _area(checked: pl.DataFrame) -> float:
    return float(risk_coverage_area(checked["value"].to_numpy(), checked["right"].to_numpy()))


def _compared(ours: pl.DataFrame, theirs: pl.DataFrame) -> tuple[float, float, float, float]:
    """Both areas, and the 95 % interval of their difference: a percentile bootstrap over prompts. A
    drawn prompt counts with its responses on both sides."""
    prompts = pl.concat([ours["prompt_id"], theirs["prompt_id"]]).unique().sort()
    numbered = pl.DataFrame({"prompt_id": prompts}).with_row_index("number")
    arrays = [
        (
            side["value"].to_numpy(),
            side["right"].to_numpy(),
            side.join(numbered, on="prompt_id", maintain_order="left")["number"].to_numpy(),
        )
        for side in (ours, theirs)
    ]

    def differences(drawn: npt.NDArray[np.int64]) -> Floats:
        one, other = (
            risk_coverage_area(value, right, drawn[:, number]) for value, right, number in arrays
        )
        return np.asarray(one - other)

    low, high = bootstrap_interval(
        differences,
        np.ones(len(prompts), dtype=np.int64),
        resamples=RESAMPLES,
        cells=_CELLS * len(prompts) // max(len(value) for value, _, _ in arrays),
    )
    return _area(ours), _area(theirs), low, high
