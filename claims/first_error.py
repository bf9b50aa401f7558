"""Is the first wrong step found, as ProcessBench counts it?"""

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
"""What stands for "no step is wrong", in ProcessBench as here."""
COUNTS = ("erroneous_hits", "erroneous", "correct_hits", "correct")


class FirstErrorF1(Measure):
    """ProcessBench's F1 (Zheng et al. 2024, arXiv:2412.06559) of the first errors that stage ``of``
    finds: the harmonic mean of two accuracies, of naming the first wrong step of solutions that
    have one, and of finding none in those that have none. A finder that always finds something, or
    never, has 0.

    ``truth`` names the stage of scores that knows: its score of a response as a whole is the index
    of the first wrong step, or −1. ``of`` is a stage of

    - scores, whose first step below ``threshold`` is the error found (none: there is none), as of
      `annotators.ProcessReward`; with ``threshold: null`` the score of the whole is its index. A
      response without a reading of its steps is found wrongly;
    - or labelled steps, of which those that were kept are counted.

    It is compared with the same of the control's stage, or with 0, and holds where it is surely
    less than ``within`` below that; with 0, surely above it.
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
        beside = "" if baseline is None else f", by the control {baseline}"
        return Figures(
            measured.f1,
            0.0 if baseline is None else baseline.f1,
            low,
            high,
            held=low > -self.within,
            says=(
                f"first errors of {ours['erroneous'].sum():,.0f} erroneous and "
                f"{ours['correct'].sum():,.0f} correct solutions: {measured}{beside}: difference "
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
    """On erroneous solutions and on correct ones, each in [0, 1]."""

    erroneous: float
    correct: float

    @property
    def f1(self) -> float:
        """Their harmonic mean, 0 where both are."""
        total = self.erroneous + self.correct
        return 2 * self.erroneous * self.correct / total if total else 0.0

    def __str__(self) -> str:
        return f"F1 {self.f1:.1%} (erroneous {self.erroneous:.1%}, correct {self.correct:.1%})"


def first_errors(scores: pl.DataFrame, threshold: float | None) -> pl.DataFrame:
    """``response_id`` and ``found``: the index of the first step below ``threshold``, −1 where none
    is; without a threshold what the score of the whole says. Responses not read are not there."""
    if threshold is None:
        return _indices(scores).rename({"truth": "found"})
    steps = scores.filter((pl.col("step") >= 0) & pl.col("value").is_not_null())
    below = pl.col("step").filter(pl.col("value") < threshold).min()
    return steps.group_by("response_id").agg(found=below.fill_null(NONE))


def counts(found: pl.DataFrame) -> pl.DataFrame:
    """One row a prompt, from columns ``prompt_id``, ``truth`` and ``found`` (null: nothing): how
    many solutions have a wrong step and how many have none, and of how many of either that was
    ``found``."""
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
    """The accuracies over all prompts of `counts`."""
    total = counted.select(pl.col(*COUNTS).sum()).row(0, named=True)
    return Accuracies(
        total["erroneous_hits"] / total["erroneous"], total["correct_hits"] / total["correct"]
    )


def f1_difference(
    ours: pl.DataFrame, theirs: pl.DataFrame | None, *, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of the F1 of ``ours`` minus that of ``theirs`` (or 0), by a percentile
    bootstrap over prompts, each drawn with all that both sides have of it."""
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
    """Of each row of Float[resamples, 4]; nan where a resample has solutions of one kind only."""
    with np.errstate(invalid="ignore", divide="ignore"):
        erroneous, correct = totals[:, 0] / totals[:, 1], totals[:, 2] / totals[:, 3]
        score = 2 * erroneous * correct / (erroneous + correct)
    return np.asarray(np.where(erroneous + correct == 0, 0.0, score))


def _indices(scores: pl.DataFrame) -> pl.DataFrame:
    """``response_id`` and ``truth``: the score of the whole as an index."""
    whole = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
    return (
        whole.group_by("response_id")
        .agg(pl.col("value").first().round().cast(pl.Int32))
        .rename({"value": "truth"})
    )
