"""The histograms of a report."""

from collections.abc import Iterator

import polars as pl

from assets.charts.histogram import Plot, histogram
from assets.charts.numbers import drawn_measured, measured
from assets.report.agreement import annotators_of, names_steps, response_scores
from assets.report.report_data import ReportData
from schemas import Responses, Scores

TRUTHS = {"right": True, "wrong": False, "truth unknown": None}


def plots(data: ReportData, truths: pl.DataFrame) -> list[Plot]:
    """Histograms of the dataset's numbers, and of the scores and lengths of the responses.

    Args:
        truths: The truth of responses, as `assets.report.agreement.truth` returns it. The
            histograms of responses are split by it.
    """
    table = data.stage.gives
    # `_response_plots` draws responses, split by their truth.
    dataset_plots = []
    if table is not Responses:
        lengths = data.select(data.stage.name, lambda rows: rows.select(measured(table)))
        dataset_plots = drawn_measured(table, lengths)
    return dataset_plots + [plot for plot in _response_plots(data, truths) if plot is not None]


def _response_plots(data: ReportData, truth_scores: pl.DataFrame) -> Iterator[Plot | None]:
    responses = data.distinct_rows(Responses, "tokens").drop("refresh")
    if responses.is_empty():
        return
    truths = truth_scores.select("response_id", right=pl.col("value") == 1)
    # The truth may be known for a part of the responses only.
    part = responses.join(truths, on="response_id") if truth_scores.height else responses
    of = "" if part.height == responses.height else f", {part.height:,} of {responses.height:,}"
    del responses
    yield histogram(f"tokens a response{of}", _by_truth(part, "tokens"))
    for annotator in annotators_of(data):
        scored = response_scores(
            data, annotator, truth_scores["response_id"] if truth_scores.height else None
        )
        scored = scored.join(truths, on="response_id") if truth_scores.height else scored
        yield histogram(f"score by {annotator.label}{of}", _by_truth(scored, "value"))
    for stage in data.stages:
        if stage.gives is Scores and data.ran(stage.name):
            rows = data.rows(stage.name, "step", "value")
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
