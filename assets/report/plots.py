"""The numbers of a dataset that are worth a drawing."""

from collections.abc import Iterator

import polars as pl

from assets.charts.histogram import Plot, histogram
from assets.charts.numbers import drawn
from assets.report.agreement import names_steps, opinions
from assets.report.report_data import ReportData
from schemas import Responses, Scores

TRUTHS = {"right": True, "wrong": False, "truth unknown": None}


def plots(data: ReportData, known: pl.DataFrame) -> list[Plot]:
    """Scores and lengths of the responses, split by the truth where ``known`` (as of
    `assets.report.agreement.truth`) has it, then the numbers of the dataset itself."""
    table = data.stage.gives
    # Responses are drawn below, by their truth.
    own = [] if table is Responses else drawn(table, data.rows(data.stage.name))
    return own + [plot for plot in _of_responses(data, known) if plot is not None]


def _of_responses(data: ReportData, known: pl.DataFrame) -> Iterator[Plot | None]:
    responses = data.giving(Responses)
    if responses.is_empty():
        return
    told = known.select("response_id", right=pl.col("value") == 1)
    # Colours are of those whose truth was asked, which may be a part of them.
    part = responses.join(told, on="response_id") if known.height else responses
    of = "" if part.height == responses.height else f", {part.height:,} of {responses.height:,}"
    yield histogram(f"tokens a response{of}", _by_truth(part, "tokens"))
    for name, said in opinions(data).items():
        scored = said.join(told, on="response_id", how="left")
        if known.height:
            scored = scored.drop_nulls("right")
        yield histogram(f"score by {name}{of}", _by_truth(scored, "value"))
    for stage in data.stages:
        if stage.gives is Scores and data.ran(stage.name):
            rows = data.rows(stage.name)
            if names_steps(stage):
                first = rows.filter(pl.col("step").is_null() & (pl.col("value") >= 0))["value"]
                yield histogram(
                    f"first wrong step by {stage.name}, from 1", {("", "bad"): first + 1}
                )
            steps = rows.filter(pl.col("step") >= 0)["value"]
            yield histogram(f"score of a step by {stage.name}", {("", "plain"): steps})


def _by_truth(frame: pl.DataFrame, column: str) -> dict[tuple[str, str], pl.Series]:
    if "right" not in frame.columns:
        return {("", "plain"): frame[column]}
    return {
        (name, {True: "good", False: "bad", None: "plain"}[right]): frame.filter(
            pl.col("right").eq_missing(right)
        )[column]
        for name, right in TRUTHS.items()
    }
