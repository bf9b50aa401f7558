"""Is the first wrong step found? Measured by ProcessBench's F1."""

from collections.abc import Mapping

import polars as pl
from pydantic import Field

from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from trainers.evaluation.first_errors import NONE, counts, f1_difference, summed


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
        for name, counted in ((self.of, ours), (self.control, theirs)):
            if counted is not None and not (
                counted["erroneous"].sum() and counted["correct"].sum()
            ):
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
            boundary=-self.within,
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
            labels = found.rename({"first_error": "found"})
            counted = truth.join(labels, on="response_id", how="inner")
        else:
            found = first_errors(tables[stage], self.threshold)
            counted = truth.join(found, on="response_id", how="left")
        prompts = tables[self.responses].select("response_id", "prompt_id")
        return counts(counted.join(prompts, on="response_id", how="inner"))


def first_errors(scores: pl.DataFrame, threshold: float | None) -> pl.DataFrame:
    """``response_id`` and ``found``: the index of the first step with a score below ``threshold``,
    or −1. Without a threshold it is the score of the whole response. Responses without scores are
    left out."""
    if threshold is None:
        return _indices(scores).rename({"truth": "found"})
    steps = scores.filter((pl.col("step") >= 0) & pl.col("value").is_not_null())
    below = pl.col("step").filter(pl.col("value") < threshold).min()
    return steps.group_by("response_id").agg(found=below.fill_null(NONE))


def _indices(scores: pl.DataFrame) -> pl.DataFrame:
    """``response_id`` and ``truth``: the score of the whole response as an index."""
    of_response = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
    return (
        of_response.group_by("response_id")
        .agg(pl.col("value").first().round().cast(pl.Int32))
        .rename({"value": "truth"})
    )
