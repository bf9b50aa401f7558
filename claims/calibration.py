"""Are probabilities calibrated, and do they separate right from wrong responses?"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from assets.project.intervals import RESAMPLES
from assets.project.label_truth import known_responses, mean_scores
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from kernels.intervals import Floats, bootstrap_interval

_CELLS = 2_000_000
"""The most weights (resamples x responses) in memory at once."""


class Calibration(Measure):
    """The AUC of the probabilities of stage ``of``: the chance that a right response has a higher
    probability than a wrong response, to any prompts.

    It is compared with the AUC of the control's scores, or with 1/2, which is chance. ``says`` adds
    the Brier score and the calibration error (with ``bins`` bins). ``responses`` names the stage
    whose responses were scored.

    With ``error_at_most`` the calibration error is the figure, and the claim holds if its interval
    is below that; ``says`` adds the comparison of the AUCs.
    """

    responses: str = "responses"
    bins: int = Field(default=10, ge=1)
    error_at_most: float | None = Field(default=None, gt=0, lt=1)

    def stages(self) -> list[str]:
        return [self.of, self.responses]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.responses]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = _judged(tables[self.responses], tables[self.of], tables["prompts"], checks)
        theirs = None
        if self.control is not None:
            theirs = _judged(
                control[self.responses], control[self.control], control["prompts"], checks
            )
        for name, judged in ((self.of, ours), (self.control, theirs)):
            if judged is not None and judged["right"].n_unique() < 2:
                raise UnmeasurableError(f"{name} has no scores of both right and wrong responses")
        probabilities, right = ours["value"].to_numpy(), ours["right"].to_numpy()
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise UnmeasurableError(f"{self.of} gives scores outside [0, 1]: no probabilities")
        measured, baseline, low, high = _compared(ours, theirs)
        error = calibration_error(probabilities, right, bins=self.bins)
        ranked = (
            f"AUC {measured:.3f} over {ours.height:,} responses, against {baseline:.3f}: "
            f"difference {measured - baseline:+.3f} [{low:+.3f}, {high:+.3f}]; Brier score "
            f"{brier(probabilities, right):.3f}"
        )
        shares = f"{right.mean():.1%} of the responses are right"
        if self.error_at_most is None:
            says = f"{ranked}, calibration error {error:.3f}, {shares}"
            return Figures(measured, baseline, low, high, held=low > 0, says=says)
        least, most = _error_interval(ours, bins=self.bins)
        return Figures(
            error,
            self.error_at_most,
            least - self.error_at_most,
            most - self.error_at_most,
            held=most < self.error_at_most,
            below=True,
            says=(
                f"calibration error {error:.3f} [{least:.3f}, {most:.3f}] (wanted: less than "
                f"{self.error_at_most:g}); {ranked}, {shares}"
            ),
        )


def brier(probabilities: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """The mean of (p − right)², in [0, 1]: 0 is best, and 1/4 is what p = 1/2 gets (Brier 1950).

    ``probabilities``: Float[responses] in [0, 1]; ``right``: Bool[responses].
    """
    missed = np.asarray(probabilities, np.float64) - np.asarray(right, np.float64)
    return float(np.mean(missed**2))


def calibration_error(
    probabilities: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = 10
) -> float:
    """Σ over ``bins`` of equal width: share of responses · |mean p − share that is right|, in
    [0, 1] (expected calibration error, Naeini et al. 2015). 1 belongs to the last bin."""
    predicted, true = np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
    place = np.minimum((predicted * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, predicted - true, minlength=bins)
    return float(np.abs(gaps).sum() / len(predicted))


def auc(
    values: npt.ArrayLike, right: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """The chance that a right response has a higher value than a wrong one; a tie is half a win.

    Args:
        values: Float[responses].
        right: Bool[responses].
        weights: Float[..., responses], how often each response counts; by default once.

    Returns:
        Float[...], nan where there are no right or no wrong responses.
    """
    value, true = np.asarray(values, np.float64), np.asarray(right, np.bool_)
    weight = np.ones_like(value) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(value, kind="stable")
    starts = np.flatnonzero(np.diff(value[order], prepend=-np.inf))
    weight, true = weight[..., order], true[order]
    rights, wrongs = (
        np.add.reduceat(weight * kind, starts, axis=-1) for kind in (true, ~true)
    )  # of each distinct value
    below = np.cumsum(wrongs, axis=-1) - wrongs
    with np.errstate(invalid="ignore"):
        won = (rights * (below + wrongs / 2)).sum(-1) / (rights.sum(-1) * wrongs.sum(-1))
    return np.asarray(won)


def _error_interval(judged: pl.DataFrame, *, bins: int) -> tuple[float, float]:
    """The 95 % interval of the calibration error: a percentile bootstrap over prompts."""
    probabilities = judged["value"].to_numpy()
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    number = judged["prompt_id"].rank("dense").to_numpy().astype(np.int64) - 1
    gaps = np.zeros((judged["prompt_id"].n_unique(), bins))
    np.add.at(gaps, (number, place), probabilities - judged["right"].to_numpy())
    counts = np.bincount(number)
    return bootstrap_interval(
        lambda drawn: np.asarray(np.abs(drawn @ gaps).sum(-1) / (drawn @ counts)),
        np.ones_like(counts),
        resamples=RESAMPLES,
    )


def _judged(
    responses: pl.DataFrame, scores: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> pl.DataFrame:
    """The responses whose score (``value``) and truth (``right``) are known."""
    truth = known_responses(responses, prompts, checks)
    values = mean_scores(scores).drop_nulls()
    return truth.join(values, on="response_id").sort("prompt_id", "response_id")


def _compared(
    ours: pl.DataFrame, theirs: pl.DataFrame | None, *, seed: int = 0
) -> tuple[float, float, float, float]:
    """Both AUCs, and the 95 % interval of their difference.

    The interval is a percentile bootstrap over prompts. A drawn prompt counts with its responses on
    both sides.
    """
    sides = [ours] if theirs is None else [ours, theirs]
    prompts = pl.concat([side["prompt_id"] for side in sides]).unique().sort()
    numbered = pl.DataFrame({"prompt_id": prompts}).with_row_index("number")
    arrays = [
        (
            side["value"].to_numpy(),
            side["right"].to_numpy(),
            side.join(numbered, on="prompt_id", maintain_order="left")["number"].to_numpy(),
        )
        for side in sides
    ]

    def differences(drawn: npt.NDArray[np.int64]) -> Floats:
        areas = [auc(value, right, drawn[:, number]) for value, right, number in arrays]
        return np.asarray(areas[0] - (areas[1] if theirs is not None else 0.5))

    low, high = bootstrap_interval(
        differences,
        np.ones(len(prompts), dtype=np.int64),
        resamples=RESAMPLES,
        seed=seed,
        # An AUC needs a weight for each response.
        cells=_CELLS * len(prompts) // max(len(value) for value, _, _ in arrays),
    )
    points = [float(auc(value, right)) for value, right, _ in arrays]
    return points[0], points[1] if theirs is not None else 0.5, low, high
