"""The F1 of first errors of ProcessBench (Zheng et al. 2024, arXiv:2412.06559)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from kernels.intervals import Floats, bootstrap_interval

NONE = -1
"""The index that means "no step is wrong", as in ProcessBench."""
COUNTS = ("erroneous_hits", "erroneous", "correct_hits", "correct")
RESAMPLES = 4000


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


def counts(first_errors: pl.DataFrame) -> pl.DataFrame:
    """Count the solutions of each prompt: erroneous and correct ones, and the hits of both.

    Args:
        first_errors: Columns ``prompt_id``, ``truth`` and ``found`` (null counts as wrong).
    """
    wrong, hit = pl.col("truth") != NONE, (pl.col("truth") == pl.col("found")).fill_null(False)
    return (
        first_errors.group_by("prompt_id")
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
    aligned = [
        prompts.join(side, on="prompt_id", how="left", maintain_order="left")
        .select(pl.col(*COUNTS).fill_null(0))
        .to_numpy()
        for side in sides
    ]

    def differences(drawn: npt.NDArray[np.int64]) -> Floats:
        scores = [_f1(drawn @ side) for side in aligned]
        return np.asarray(scores[0] - (scores[1] if theirs is not None else 0.0))

    ones = np.ones(prompts.height, dtype=np.int64)
    return bootstrap_interval(differences, ones, resamples=RESAMPLES, seed=seed)


def _f1(totals: Floats) -> Floats:
    """The F1 of each row of Float[resamples, 4]; nan if a resample has one kind of solutions."""
    with np.errstate(invalid="ignore", divide="ignore"):
        erroneous, correct = totals[:, 0] / totals[:, 1], totals[:, 2] / totals[:, 3]
        score = 2 * erroneous * correct / (erroneous + correct)
    return np.asarray(np.where(erroneous + correct == 0, 0.0, score))
