"""The agreement of a recipe's annotators: how similarly they rank the responses to a prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from assets.project.label_origin import LabelOrigin, label_origin
from assets.project.recipe_plan import Stage
from assets.report.report_data import ReportData
from kernels.ranks import kendall
from schemas import Responses, Scores

TRUTH = "the truth"
"""A label that no stage can have, because the name of a stage has no space."""

_OF_RESPONSE = pl.col("step").is_null() & pl.col("value").is_not_null()

AT_ONCE = 200_000
"""About how many responses are ranked at the same time."""

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


@dataclass(frozen=True)
class Annotator:
    """An annotator of whole responses. ``label`` is the name of its ``stage``. If the stage has
    several annotators, the annotator's own ``name`` is added."""

    label: str
    stage: str
    name: str


def annotators_of(data: ReportData) -> list[Annotator]:
    """The annotators of whole responses, in running order.

    Stages that name first wrong steps are left out, because an index is not a score.
    """
    annotators: list[Annotator] = []
    for stage in data.stages:
        if stage.gives is not Scores or names_steps(stage) or not data.ran(stage.name):
            continue
        rows = data.query(
            stage.name, lambda rows: rows.filter(_OF_RESPONSE).select("annotator").unique()
        )
        names = rows["annotator"].unique().sort()
        annotators += [
            Annotator(
                stage.name if names.len() == 1 else f"{stage.name} · {name}", stage.name, name
            )
            for name in names
        ]
    return annotators


def response_scores(
    data: ReportData, by: Annotator, responses: pl.Series | None = None
) -> pl.DataFrame:
    """The scores of whole responses by an annotator: ``response_id`` and ``value``.

    Args:
        data: The data.
        by: The annotator.
        responses: The ids of responses; by default, the scores of all are read.
    """

    def scores(rows: pl.LazyFrame) -> pl.LazyFrame:
        values = rows.filter(_OF_RESPONSE & (pl.col("annotator") == by.name)).select(
            "response_id", "value"
        )
        if responses is None:
            return values
        ids = pl.LazyFrame({"response_id": responses})
        return values.join(ids, on="response_id", how="semi")

    values = data.query(by.stage, scores).drop("refresh")
    return values.unique("response_id", keep="last", maintain_order=True)


def names_steps(stage: Stage) -> bool:
    """Whether a stage's scores of whole responses are indices of first wrong steps."""
    return bool(getattr(stage.operator, "names_steps", False))


def checked_stages(data: ReportData) -> list[str]:
    """The stages whose scores are the results of the check that tells the truth."""
    scored = [stage for stage in data.stages if stage.gives is Scores and data.ran(stage.name)]
    return [
        stage.name
        for stage in scored
        if label_origin(stage, data.stages, data.rows(stage.name, "ends"), data.checks)
        == LabelOrigin("construction", stage.name)
    ]


def truth(data: ReportData) -> pl.DataFrame:
    """``response_id`` and ``value`` (1 right, 0 wrong) of the responses whose truth is known.

    If there are more than `CHECKED` responses, only every n-th prompt is checked.
    """
    prompts = data.distinct_rows(Responses, "prompt_id")["prompt_id"]
    step = max(1, -(-prompts.len() // CHECKED))
    checked = prompts.unique(maintain_order=True).gather_every(step)
    responses = data.with_ids(Responses, checked)
    right = data.right(responses).cast(pl.Float64).alias("value")
    return responses.select("response_id").with_columns(right).drop_nulls()


def agreements(data: ReportData, truths: pl.DataFrame) -> tuple[list[str], list[list[Agreement]]]:
    """The agreement of all annotators.

    Args:
        truths: The truth of responses, as `truth` returns it; it counts as an annotator.

    Returns:
        The annotators' names (`TRUTH` last), and for each its agreement with those after it.
    """
    scoring: list[Annotator | None] = [*annotators_of(data)]
    if not truths.is_empty():
        scoring.append(None)
    if len(scoring) < 2:
        return [], []
    names = [TRUTH if one is None else one.label for one in scoring]
    taus: dict[tuple[str, str], list[np.ndarray]] = {}
    for responses in _by_prompts(data):
        ids = responses["response_id"]
        scores = [truths if one is None else response_scores(data, one, ids) for one in scoring]
        for (one, of_one), (other, of_other) in combinations(zip(names, scores, strict=True), 2):
            taus.setdefault((one, other), []).append(_taus(responses, of_one, of_other))
    table = [
        [_agreement(one, other, taus[one, other]) for other in names[number + 1 :]]
        for number, one in enumerate(names)
    ]
    return names, table


def _by_prompts(data: ReportData) -> Iterator[pl.DataFrame]:
    """``response_id`` and ``prompt_id`` of all responses, about `AT_ONCE` at a time. The responses
    to a prompt come together."""
    count = sum(data.height(name) for name in data.giving(Responses))
    parts = max(1, -(-count // AT_ONCE))
    part = pl.col("prompt_id").hash() % parts
    for number in range(parts):
        yield data.distinct_rows(Responses, "prompt_id", where=part == number).drop("refresh")


def _taus(responses: pl.DataFrame, one: pl.DataFrame, other: pl.DataFrame) -> np.ndarray:
    """Kendall's tau-b between two scores of the responses to each prompt that has one."""
    both = (
        responses.join(one, on="response_id")
        .join(other, on="response_id", suffix="_other")
        .with_columns(group=pl.col("prompt_id").rank("dense").cast(pl.Int64) - 1)
    )
    if both.is_empty():
        return np.empty(0)
    tau = kendall(
        both["group"].to_numpy(),
        both["value"].to_numpy(),
        both["value_other"].to_numpy(),
        count=both["prompt_id"].n_unique(),
    ).value
    return tau[~np.isnan(tau)]


def _agreement(one: str, other: str, taus: Sequence[np.ndarray]) -> Agreement:
    all_taus = np.concatenate(taus)
    return Agreement(one, other, float(all_taus.mean()) if all_taus.size else None, all_taus.size)
