"""How alike the annotators of a recipe rank the responses to a prompt."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.project.recipe_plan import Stage
from assets.report.report_data import ReportData
from kernels.ranks import kendall
from schemas import Responses, Scores

TRUTH = "the truth"
"""Not the name of any stage, which has no space."""

CHECKED = 10_000
"""Of how many responses at most the truth is asked: a check may take milliseconds."""


@dataclass(frozen=True)
class Agreement:
    """Two annotators: the mean over ``prompts`` prompts of Kendall's tau-b between their scores of
    the responses that both scored, in [−1, 1]; None where no prompt tells."""

    first: str
    second: str
    tau: float | None
    prompts: int

    @property
    def tone(self) -> str:
        """One of seven shades, from ``t0`` (−1) over ``t3`` (0) to ``t6`` (1)."""
        return "none" if self.tau is None else f"t{round(3 * self.tau) + 3}"


def opinions(data: ReportData) -> dict[str, pl.DataFrame]:
    """``response_id`` and ``value`` of whole responses by annotator: the stage's name, with its own
    name where the stage has several. A stage that names first wrong steps has none: a place is no
    score."""
    found: dict[str, pl.DataFrame] = {}
    for stage in data.stages:
        if stage.gives is not Scores or names_steps(stage) or not data.ran(stage.name):
            continue
        rows = data.rows(stage.name)
        whole = rows.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
        names = whole["annotator"].unique().sort()
        for name in names:
            told = stage.name if names.len() == 1 else f"{stage.name} · {name}"
            said = whole.filter(pl.col("annotator") == name).select("response_id", "value")
            found[told] = said.unique("response_id", keep="last", maintain_order=True)
    return found


def names_steps(stage: Stage) -> bool:
    """Whether a stage's scores of whole responses are indices of first wrong steps."""
    return bool(getattr(stage.operator, "names_steps", False))


def truth(data: ReportData) -> pl.DataFrame:
    """``response_id`` and ``value`` (1 right, 0 wrong) of responses whose truth is known: of all,
    or of whole prompts that are evenly taken where there are more than `CHECKED`."""
    responses = data.giving(Responses)
    if responses.height > CHECKED:
        asked = responses["prompt_id"].unique(maintain_order=True)
        step = -(-responses.height // CHECKED)
        responses = responses.filter(pl.col("prompt_id").is_in(asked.gather_every(step).implode()))
    right = data.right(responses).cast(pl.Float64).alias("value")
    return responses.select("response_id").with_columns(right).drop_nulls()


def agreements(data: ReportData, known: pl.DataFrame) -> tuple[list[str], list[list[Agreement]]]:
    """The annotators' names (`TRUTH` last, where ``known``, as of `truth`, knows any), and for each
    of them its agreement with those after it."""
    said = opinions(data)
    if not known.is_empty():
        said = {**said, TRUTH: known}
    names = list(said) if len(said) > 1 else []
    responses = data.giving(Responses).select("response_id", "prompt_id")
    table = [
        [_agreement(responses, said, one, other) for other in names[number + 1 :]]
        for number, one in enumerate(names)
    ]
    return names, table


def _agreement(
    responses: pl.DataFrame, said: dict[str, pl.DataFrame], one: str, other: str
) -> Agreement:
    both = (
        responses.join(said[one], on="response_id")
        .join(said[other], on="response_id", suffix="_other")
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
    told = tau[~np.isnan(tau)]
    return Agreement(one, other, float(told.mean()) if told.size else None, told.size)
