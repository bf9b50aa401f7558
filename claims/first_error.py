"""Is the first wrong step found? Measured by ProcessBench's F1."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from assets.project.intervals import RESAMPLES
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from kernels.intervals import Floats, bootstrap_interval

NONE = -1
"""The index that means "no step is wrong", as in ProcessBench."""
COUNTS = ("erroneous_hits", "erroneous", "correct_hits", "correct")


class FirstErrorF1(Measure):
    """ProcessBench's F1 (Zheng et al. 2024, arXiv:2412.06559) of the first errors that stage ``of``
    finds.

    F1 is the harmonic mean of two accuracies: naming the first wrong step of erroneous solutions,
    and finding no error in correct ones. A method that always finds an error, or never, has 0.

    ``truth`` names the stage of scores with the truth: its score of a whole response is the index
    of the first wrong step, or −1. ``of`` is a stage of

    - scores of steps, for example of `annotators.ProcessReward`: the first step with a score below
      ``threshold`` is the error. With ``threshold: null`` the score of the whole response is the
      index. A response without scores counts as wrong;
    - or labelled steps: only the kept solutions count.

    F1 is compared with that of the control's stage, or with 0. The claim holds if the interval of
    the difference is above −``within``.
    """

    truth: str
    responses: str = "responses"
    threshold: float | None = 0.5
    within: float = Field(default=0.0, ge=0, le=1)

    def stages(self) -> list[str]:
        return [self.of, self.truth, self.responses]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.truth, self.responses]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = self._counted(tables, self.of)
        theirs = None if self.control is None else self._counted(control, self.control)
        for name, counts in ((self.of, ours), (self.control, theirs)):
            if counts is not None and not (counts["erroneous"].sum() and counts["correct"].sum()):
                raise UnmeasurableError(
                    f"{name} says nothing of solutions with a wrong step, or of those without"
                )
        measured, baseline = summed(ours), None if theirs is None else summed(theirs)
        low, high = f1_difference(ours, theirs)
        other = "" if baseline is None else f", by the control {baseline}"
        return Figures(
            measured.f1,
            0.0 if baseline is None else baseline.f1,
            low,
            high,
            held=low > -self.within,
            says=(
                f"first errors of {ours['erroneous'].sum():,.0f} erroneous and "
                f"{ours['correct'].sum():,.0f} correct solutions: {measured}{other}: difference "
                f"of F1 {100 * (measured.f1 - (baseline.f1 if baseline else 0)):+.1f} points "
                f"[{100 * low:+.1f}, {100 * high:+.1f}]"
            ),
        )

    def _counted(self, tables: Mapping[str, pl.DataFrame], stage: str) -> pl.DataFrame:
        truth = _indices(tables[self.truth])
        if "first_error" in tables[stage].columns:
            found = tables[stage].select("response_id", pl.col("first_error").fill_null(NONE))
            known = found.rename({"first_error": "found"})
            counted = truth.join(known, on="response_id", how="inner")
        else:
            found = first_errors(tables[stage], self.threshold)
            counted = truth.join(found, on="response_id", how="left")
        prompts = tables[self.responses].select("response_id", "prompt_id")
        return counts(counted.join(prompts, on="response_id", how="inner"))


@dataclass(frozen=True)
class Accuracies:
    """The accuracies on erroneous and on correct solutions, in [0, 1]."""

    erroneous: float
    correct: float

    @property
    def f1(self) -> float:
        """The harmonic mean; 0 if both are 0."""
        total = self.erroneous + self.correct
        return 2 * self.erroneous * self.correct / total if total else 0.0

    def __str__(self) -> str:
        return f"F1 {self.f1:.1%} (erroneous {self.erroneous:.1%}, correct {self.correct:.1%})"


def first_errors(scores: pl.DataFrame, threshold: float | None) -> pl.DataFrame:
    """``response_id`` and ``found``: the index of the first step with a score below ``threshold``,
    or −1. Without a threshold it is the score of the whole response. Responses without scores are
    left out."""
    if threshold is None:
        return _indices(scores).rename({"truth": "found"})
    steps = scores.filter((pl.col("step") >= 0) & pl.col("value").is_not_null())
    below = pl.col("step").filter(pl.col("value") < threshold).min()
    return steps.group_by("response_id").agg(found=below.fill_null(NONE))


def counts(found: pl.DataFrame) -> pl.DataFrame:
    """Count the solutions of each prompt: erroneous and correct ones, and the hits of both.

    Args:
        found: Columns ``prompt_id``, ``truth`` and ``found`` (null counts as wrong).
    """
    wrong, hit = pl.col("truth") != NONE, (pl.col("truth") == pl.col("found")).fill_null(False)
    return (
        found.group_by("prompt_id")
        .agg(
            erroneous_hits=(wrong & hit).sum(),
            erroneous=wrong.sum(),
            correct_hits=(~wrong & hit).sum(),
            correct=(~wrong).sum(),
        )
        .sort("prompt_id")
        .with_columns(pl.col(*COUNTS).cast(pl.Float64))
    )


def summed(counted: pl.DataFrame) -> Accuracies:
    """The accuracies over all prompts. ``counted`` is a result of `counts`."""
    total = counted.select(pl.col(*COUNTS).sum()).row(0, named=True)
    return Accuracies(
        total["erroneous_hits"] / total["erroneous"], total["correct_hits"] / total["correct"]
    )


def f1_difference(
    ours: pl.DataFrame, theirs: pl.DataFrame | None, *, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of the F1 of ``ours`` minus that of ``theirs`` (or 0).

    It is a percentile bootstrap over prompts. A drawn prompt counts with its solutions on both
    sides.
    """
    sides = [ours] if theirs is None else [ours, theirs]
    prompts = pl.concat([side.select("prompt_id") for side in sides]).unique().sort("prompt_id")
    known = [
        prompts.join(side, on="prompt_id", how="left", maintain_order="left")
        .select(pl.col(*COUNTS).fill_null(0))
        .to_numpy()
        for side in sides
    ]

    def differences(drawn: npt.NDArray[np.int64]) -> Floats:
        found = [_f1(drawn @ side) for side in known]
        return np.asarray(found[0] - (found[1] if theirs is not None else 0.0))

    ones = np.ones(prompts.height, dtype=np.int64)
    return bootstrap_interval(differences, ones, resamples=RESAMPLES, seed=seed)


def _f1(totals: Floats) -> Floats:
    """The F1 of each row of Float[resamples, 4]; nan if a resample has one kind of solutions."""
    with np.errstate(invalid="ignore", divide="ignore"):
        erroneous, correct = totals[:, 0] / totals[:, 1], totals[:, 2] / totals[:, 3]
        score = 2 * erroneous * correct / (erroneous + correct)
    return np.asarray(np.where(erroneous + correct == 0, 0.0, score))


def _indices(scores: pl.DataFrame) -> pl.DataFrame:
    """``response_id`` and ``truth``: the score of the whole response as an index."""
    whole = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
    return (
        whole.group_by("response_id")
        .agg(pl.col("value").first().round().cast(pl.Int32))
        .rename({"value": "truth"})
    )
