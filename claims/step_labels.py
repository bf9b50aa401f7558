"""Are steps labelled correctly, and do right steps have higher values than wrong ones?"""

from collections.abc import Mapping
from typing import Literal

import polars as pl
from pydantic import Field

from assets.project.intervals import Shares, compared
from assets.project.label_truth import by_prompt
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from claims.best_of_n import BestOfNGain
from claims.first_error import first_errors
from trainers.evaluation.first_errors import NONE


class StepLabelAccuracy(Measure):
    """The share of solutions whose first wrong step stage ``of`` names correctly.

    With ``per: step`` it is the share of labelled steps with a true label: a step is right if
    neither it nor an earlier step is wrong.

    ``truth`` names the stage of scores with the truth (`annotators.StepVerifier`): its score of a
    whole response is the index of the first wrong step, or −1. ``of`` is a stage of such scores, in
    which a response without a score counts as wrong, or of labelled steps, of which only the kept
    ones count. ``solutions: erroneous`` counts only solutions with a wrong step.

    The share is compared with the control's, or with the best of the control and the stages
    ``rivals``. The claim holds if the interval of the difference is above −``within``. With
    ``at_most_rollouts``, the rollouts of its scores must also be at most that share of the
    control's. They are read from ``raw``, as "3/16"; a whole answer takes none. If the control's
    responses have other steps, ``control_responses`` and ``control_truth`` name its stages.

    ``best_of_n`` measures what a reward that learnt from the labels chooses, of stages of the same
    recipe: ``says`` tells it too, and it decides nothing.
    """

    truth: str
    responses: str = "responses"
    control_truth: str | None = None
    control_responses: str | None = None
    rivals: tuple[str, ...] = ()
    per: Literal["solution", "step"] = "solution"
    solutions: Literal["erroneous", "all"] = "erroneous"
    within: float = Field(default=0.0, ge=0, le=1)
    at_most_rollouts: float | None = Field(default=None, gt=0)
    best_of_n: BestOfNGain | None = None

    def stages(self) -> list[str]:
        chosen = self.best_of_n
        more = [] if chosen is None else [*chosen.stages(), *chosen.control_stages()]
        return [self.of, self.truth, self.responses, *more]

    def control_stages(self) -> list[str]:
        read_stages = [self.control_truth or self.truth, self.control_responses or self.responses]
        return [*([] if self.control is None else [self.control]), *self.rivals, *read_stages]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        control_stage = self.required_control()
        ours = self._counted(tables, self.of, self.truth, self.responses)
        truth, responses = self.control_stages()[-2:]
        comparisons: dict[str, Shares] = {}
        for name in (control_stage, *self.rivals):
            theirs = self._counted(control, name, truth, responses)
            comparisons[name] = compared(ours, theirs)
        best = max(comparisons, key=lambda name: comparisons[name].control)
        both = comparisons[best]
        share, says = 1.0, ""
        if self.at_most_rollouts is not None:
            mine, other = rollouts(tables[self.of]), rollouts(control[best])
            if not mine or not other:
                raise UnmeasurableError("nothing says how many rollouts the scores took")
            share = mine / other
            says = f", for {share:.1%} of the rollouts (wanted: {self.at_most_rollouts:.0%})"
        cheap = self.at_most_rollouts is None or share <= self.at_most_rollouts
        best_of_n = ""
        if self.best_of_n is not None:
            chosen = self.best_of_n.figures(tables, tables, checks=checks)
            best_of_n = f"; {chosen.verdict} beside it: {chosen.says}"
        subject = "first errors are found" if self.per == "solution" else "labels are true"
        return Figures.of(
            both,
            f"{both.measured:.1%} of {both.count:,.0f} {subject}, by {best} {both.control:.1%} "
            f"of {both.control_count:,.0f}{says}: {both}{best_of_n}",
            held=both.low > -self.within and cheap,
            boundary=-self.within,
        )

    def _counted(self, tables: Tables, stage: str, truth: str, responses: str) -> pl.DataFrame:
        """``hits`` and ``count`` by prompt."""
        truths = first_errors(tables[truth], None).rename({"found": "truth"})
        if self.solutions == "erroneous":
            truths = truths.filter(pl.col("truth") != NONE)
        frame = tables[stage]
        if self.per == "step":
            compared_labels = _steps(frame, truths)
        elif "first_error" in frame.columns:
            labelled = frame.select("response_id", found=pl.col("first_error").fill_null(NONE))
            compared_labels = truths.join(labelled, on="response_id", how="inner")
        else:
            compared_labels = truths.join(first_errors(frame, None), on="response_id", how="left")
        prompts = tables[responses].select("response_id", "prompt_id")
        hit = (pl.col("found") == pl.col("truth")).fill_null(False)
        counted = by_prompt(compared_labels.join(prompts, on="response_id"), hit)
        if counted.is_empty():
            raise UnmeasurableError(f"{stage} says nothing of solutions whose truth is known")
        return counted


class StepRanking(Measure):
    """The share of pairs of a right and a wrong step, of any solutions of one prompt, in which the
    right step has the higher value; equal values count half. This is the area under the ROC curve.

    ``of`` is a stage of labelled steps with values, or of scores of steps. ``truth`` names the
    stage of scores that says which steps are right (`annotators.StepVerifier`, which checks each
    step by itself, given the steps before it). The claim holds if the share is significantly
    higher than the control's.
    """

    truth: str
    responses: str = "responses"

    def stages(self) -> list[str]:
        return [self.of, self.truth, self.responses]

    def control_stages(self) -> list[str]:
        return [*super().control_stages(), self.truth, self.responses]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        control_stage = self.required_control()
        both = compared(self._ranked(tables, self.of), self._ranked(control, control_stage))
        return Figures.of(
            both,
            f"of {both.count:,.0f} pairs of a right and a wrong step {both.measured:.1%} are "
            f"ranked rightly, by {control_stage} {both.control:.1%} of "
            f"{both.control_count:,.0f}: {both}",
        )

    def _ranked(self, tables: Tables, stage: str) -> pl.DataFrame:
        truth = tables[self.truth].filter(pl.col("step") >= 0).drop_nulls("value")
        steps = (
            truth.select("response_id", "step", right=pl.col("value") > 0)
            .join(values(tables[stage]), on=["response_id", "step"])
            .join(tables[self.responses].select("response_id", "prompt_id"), on="response_id")
        )
        pairs = steps.filter("right").join(steps.filter(~pl.col("right")), on="prompt_id")
        more, as_much = (
            pl.col("value") > pl.col("value_right"),
            pl.col("value").eq(pl.col("value_right")),
        )
        ranked = by_prompt(pairs, more.cast(pl.Float64) + as_much.cast(pl.Float64) / 2)
        if ranked.is_empty():
            raise UnmeasurableError(f"{stage}: no prompt has both a right and a wrong step")
        return ranked


def values(frame: pl.DataFrame) -> pl.DataFrame:
    """``response_id``, ``step`` and ``value`` of the steps with a value."""
    if "values" in frame.columns:
        steps = frame.select("response_id", value="values").with_columns(
            step=pl.int_ranges(pl.col("value").list.len().cast(pl.Int64))
        )
        frame = steps.explode("value", "step").with_columns(pl.col("step").cast(pl.Int32))
    valued = frame.filter(pl.col("step") >= 0).drop_nulls("value")
    return valued.group_by("response_id", "step").agg(pl.col("value").mean())


def rollouts(scores: pl.DataFrame) -> int:
    """The number of rollouts of the scores of prefixes, read from ``raw``."""
    counts = scores["raw"].str.extract(r"^\d+/(\d+)$").cast(pl.Int64).drop_nulls()
    return int(counts.filter(counts > 1).sum())


def _steps(labels: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    """One row a labelled step: ``found``, its label, and ``truth``, as 1 or 0."""
    if "labels" not in labels.columns:
        raise UnmeasurableError("per: step counts labelled steps: name a stage that gives them")
    steps = labels.select("response_id", found="labels").with_columns(
        step=pl.int_ranges(pl.col("found").list.len().cast(pl.Int64))
    )
    right = (pl.col("truth") == NONE) | (pl.col("step") < pl.col("truth"))
    return (
        steps.explode("found", "step")
        .drop_nulls("found")
        .join(truths, on="response_id", how="inner")
        .with_columns(pl.col("found").cast(pl.Int32), truth=right.cast(pl.Int32))
    )
