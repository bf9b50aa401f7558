"""The agreement of a recipe's annotators: how similarly they rank the responses to a prompt."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.project.label_origin import LabelOrigin, label_origin
from assets.project.recipe_plan import Stage
from assets.report.report_data import ReportData
from kernels.ranks import kendall
from schemas import Responses, Scores

TRUTH = "the truth"
"""A label that no stage can have, because the name of a stage has no space."""

CHECKED = 10_000
"""The most responses whose truth is checked: a check may take milliseconds."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of two annotators. ``tau`` is the mean over ``prompts`` prompts of Kendall's
    tau-b between their scores of the responses that both scored, in [−1, 1]. It is None if no
    prompt has a tau."""

    first: str
    second: str
    tau: float | None
    prompts: int

    @property
    def tone(self) -> str:
        """One of seven shades, from ``t0`` (−1) over ``t3`` (0) to ``t6`` (1)."""
        return "none" if self.tau is None else f"t{round(3 * self.tau) + 3}"


def response_scores(data: ReportData) -> dict[str, pl.DataFrame]:
    """The scores of whole responses by annotator, with columns ``response_id`` and ``value``.

    An annotator has the name of its stage. If the stage has several annotators, the annotator's
    name is added. Stages that name first wrong steps are left out, because an index is not a score.
    """
    scores: dict[str, pl.DataFrame] = {}
    for stage in data.stages:
        if stage.gives is not Scores or names_steps(stage) or not data.ran(stage.name):
            continue
        rows = data.rows(stage.name)
        whole = rows.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
        names = whole["annotator"].unique().sort()
        for name in names:
            label = stage.name if names.len() == 1 else f"{stage.name} · {name}"
            values = whole.filter(pl.col("annotator") == name).select("response_id", "value")
            scores[label] = values.unique("response_id", keep="last", maintain_order=True)
    return scores


def names_steps(stage: Stage) -> bool:
    """Whether a stage's scores of whole responses are indices of first wrong steps."""
    return bool(getattr(stage.operator, "names_steps", False))


def checked_stages(data: ReportData) -> list[str]:
    """The stages whose scores are the results of the check that tells the truth."""
    scored = [stage for stage in data.stages if stage.gives is Scores and data.ran(stage.name)]
    return [
        stage.name
        for stage in scored
        if label_origin(stage, data.stages, data.rows(stage.name), data.checks)
        == LabelOrigin("construction", stage.name)
    ]


def truth(data: ReportData) -> pl.DataFrame:
    """``response_id`` and ``value`` (1 right, 0 wrong) of the responses whose truth is known.

    If there are more than `CHECKED` responses, only every n-th prompt is checked.
    """
    responses = data.giving(Responses)
    if responses.height > CHECKED:
        prompts = responses["prompt_id"].unique(maintain_order=True)
        step = -(-responses.height // CHECKED)
        checked = prompts.gather_every(step).implode()
        responses = responses.filter(pl.col("prompt_id").is_in(checked))
    right = data.right(responses).cast(pl.Float64).alias("value")
    return responses.select("response_id").with_columns(right).drop_nulls()


def agreements(data: ReportData, known: pl.DataFrame) -> tuple[list[str], list[list[Agreement]]]:
    """The agreement of all annotators.

    Args:
        known: The truth of responses, as `truth` returns it; it counts as an annotator.

    Returns:
        The annotators' names (`TRUTH` last), and for each its agreement with those after it.
    """
    scores = response_scores(data)
    if not known.is_empty():
        scores = {**scores, TRUTH: known}
    names = list(scores) if len(scores) > 1 else []
    responses = data.giving(Responses).select("response_id", "prompt_id")
    table = [
        [_agreement(responses, scores, one, other) for other in names[number + 1 :]]
        for number, one in enumerate(names)
    ]
    return names, table


def _agreement(
    responses: pl.DataFrame, scores: dict[str, pl.DataFrame], one: str, other: str
) -> Agreement:
    both = (
        responses.join(scores[one], on="response_id")
        .join(scores[other], on="response_id", suffix="_other")
        .with_columns(group=pl.col("prompt_id").rank("dense").cast(pl.Int64) - 1)
    )
    if both.is_empty():
        return Agreement(one, other, None, 0)
    tau = kendall(
        both["group"].to_numpy(),
        both["value"].to_numpy(),
        both["value_other"].to_numpy(),
        count=both["prompt_id"].n_unique(),
    ).value
    known = tau[~np.isnan(tau)]
    return Agreement(one, other, float(known.mean()) if known.size else None, known.size)
