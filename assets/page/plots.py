"""The numbers of a dataset that are worth a drawing."""

from collections.abc import Iterator

import polars as pl

from assets.page.agreement import names_steps, opinions
from assets.page.histogram import Plot, histogram
from assets.page.made import Made
from schemas import Demonstrations, Pairs, Responses, Scores, StepLabels

TRUTHS = {"right": True, "wrong": False, "truth unknown": None}


def plots(made: Made, known: pl.DataFrame) -> list[Plot]:
    """Scores and lengths of the responses, split by the truth where ``known`` (as of
    `assets.page.agreement.truth`) has it, then the numbers of the dataset itself."""
    found = [*_of_dataset(made), *_of_responses(made, known)]
    return [plot for plot in found if plot is not None]


def _of_responses(made: Made, known: pl.DataFrame) -> Iterator[Plot | None]:
    responses = made.giving(Responses)
    if responses.is_empty():
        return
    told = known.select("response_id", right=pl.col("value") == 1)
    # Colours are of those whose truth was asked, which may be a part of them.
    part = responses.join(told, on="response_id") if known.height else responses
    of = "" if part.height == responses.height else f", {part.height:,} of {responses.height:,}"
    yield histogram(f"tokens a response{of}", _by_truth(part, "tokens"))
    for name, said in opinions(made).items():
        scored = said.join(told, on="response_id", how="left")
        if known.height:
            scored = scored.drop_nulls("right")
        yield histogram(f"score by {name}{of}", _by_truth(scored, "value"))
    for stage in made.stages:
        if stage.gives is Scores and made.ran(stage.name):
            rows = made.rows(stage.name)
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


def _of_dataset(made: Made) -> Iterator[Plot | None]:
    rows = made.rows(made.stage.name)
    table = made.stage.gives
    if table is Pairs:
        yield histogram("margin of a pair", {("", "plain"): rows["margin"]})
        if rows["weight"].n_unique() > 1:
            yield histogram("weight of a pair", {("", "plain"): rows["weight"]})
        lengths = {side: _characters(rows[side]) for side in ("chosen", "rejected")}
        yield histogram(
            "characters, chosen less rejected",
            {("", "plain"): lengths["chosen"] - lengths["rejected"]},
        )
    elif table is StepLabels:
        labelled = rows.select("labels", "values").explode("labels", "values")
        yield histogram(
            "value of a step",
            {
                (
                    f"labelled {name}" if right is not None else "not labelled",
                    tone,
                ): labelled.filter(pl.col("labels").eq_missing(right))["values"]
                for name, tone, right in (
                    ("right", "good", True),
                    ("wrong", "bad", False),
                    ("", "plain", None),
                )
            },
        )
        yield histogram("steps a solution", {("", "plain"): rows["completions"].list.len()})
        yield histogram("first wrong step, from 1", {("", "bad"): rows["first_error"] + 1})
    elif table is Demonstrations:
        yield histogram("characters an answer", {("", "plain"): _characters(rows["messages"])})


def _characters(messages: pl.Series) -> pl.Series:
    """Of the last message of each row."""
    return messages.list.last().struct.field("content").str.len_chars().cast(pl.Int64)
