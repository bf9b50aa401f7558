"""The numbers of each table that are worth a histogram."""

from collections.abc import Iterator, Mapping

import polars as pl

from assets.charts.histogram import Plot, histogram
from schemas import (
    Criteria,
    Demonstrations,
    Evaluations,
    Nodes,
    PairEvaluations,
    Pairs,
    Prompts,
    Rankings,
    Responses,
    RewardEvaluations,
    Scores,
    StepEvaluations,
    StepLabels,
    Table,
    TokenScores,
)

ANNOTATORS = 6
"""The most annotators whose scores are drawn."""


Values = Mapping[tuple[str, str], pl.Series]
"""Numbers by what they are of and their tone, as `assets.charts.histogram.histogram` takes them."""


def drawn(table: type[Table], rows: pl.DataFrame) -> list[Plot]:
    """Histograms of ``rows`` of ``table``; empty if there are no numbers."""
    return drawn_measured(table, rows.select(measured(table)))


def drawn_measured(table: type[Table], rows: pl.DataFrame) -> list[Plot]:
    """Histograms of rows of which only what `measured` names is left."""
    plots = (histogram(title, values) for title, values in _numbers(table, rows))
    return [plot for plot in plots if plot is not None]


def numbers(table: type[Table], rows: pl.DataFrame) -> Iterator[tuple[str, Values]]:
    """The numbers of ``rows`` of ``table``, with what to call them."""
    return _numbers(table, rows.select(measured(table)))


def measured(table: type[Table]) -> list[pl.Expr]:
    """The columns that the numbers of ``table`` are made of. Messages and steps that only count
    become their lengths."""
    if table in (Prompts, Demonstrations):
        return [_characters("messages")]
    if table is Responses:
        return [pl.col("finish", "tokens")]
    if table is Scores:
        return [pl.col("annotator", "^step$", "value")]
    if table is TokenScores:
        return [pl.col("annotator", "values")]
    if table is Pairs:
        return [pl.col("margin", "weight"), _characters("chosen"), _characters("rejected")]
    if table is StepLabels:
        return [pl.col("labels", "values", "first_error"), pl.col("completions").list.len()]
    if table is Nodes:
        return [pl.col("value", "depth")]
    return [pl.all()]


def _numbers(table: type[Table], rows: pl.DataFrame) -> Iterator[tuple[str, Values]]:
    if table is Prompts:
        yield _plain("characters a prompt", rows["messages"])
    elif table is Responses:
        cut = rows["finish"] == "length"
        ended = {
            ("ended by the model", "plain"): rows.filter(~cut)["tokens"],
            ("cut at the limit", "bad"): rows.filter(cut)["tokens"],
        }
        yield "tokens a response", ended
    elif table is Scores:
        yield from _scores(rows)
    elif table is TokenScores:
        for name in rows["annotator"].unique(maintain_order=True).head(ANNOTATORS):
            values = rows.filter(pl.col("annotator") == name)["values"]
            yield _plain(f"score of a token by {name}", values.explode(empty_as_null=True))
    elif table is Criteria:
        yield _plain("weight of a criterion", rows["weight"])
    elif table is Pairs:
        yield from _pairs(rows)
    elif table is StepLabels:
        yield from _steps(rows)
    elif table is Nodes:
        yield _plain("value of a node", rows["value"])
        yield _plain("steps from the root to a node", rows["depth"])
    elif table is Rankings:
        yield _plain("answers a ranking", rows["rewards"].list.len())
        rewards = rows["rewards"].list
        yield _plain("reward of the best less that of the worst", rewards.first() - rewards.last())
    elif table is Demonstrations:
        yield _plain("characters an answer", rows["messages"])
    elif table is PairEvaluations:
        before, after = (
            rows[f"chosen_{when}"] - rows[f"rejected_{when}"] for when in ("before", "after")
        )
        yield _plain("log-prob of chosen less that of rejected, before", before)
        yield _plain("log-prob of chosen less that of rejected, after", after)
    elif table is RewardEvaluations:
        margin = rows["chosen_after"] - rows["rejected_after"]
        yield _plain("reward of chosen less that of rejected", margin)
    elif table is StepEvaluations:
        steps = rows.select("labels", "after").explode("labels", "after")
        right, wrong = (steps.filter(pl.col("labels") == label)["after"] for label in (True, False))
        sides = {("right steps", "good"): right, ("wrong steps", "bad"): wrong}
        yield "reward of a step", sides
    elif table is Evaluations:
        yield _plain("preference for the answer after training", rows["preference"].drop_nulls())
        gained = rows["reward_after"] - rows["reward_before"]
        yield _plain("reward after training less that before", gained.drop_nulls())
        sampled = rows.filter(pl.col("samples") > 0)
        for when in ("before", "after"):
            share = sampled[f"right_{when}"] / sampled["samples"]
            yield _plain(f"share of a prompt's samples that is right, {when}", share)


def _scores(rows: pl.DataFrame) -> Iterator[tuple[str, Values]]:
    names = rows["annotator"].unique(maintain_order=True).head(ANNOTATORS)
    for name in names:
        scores = rows.filter(pl.col("annotator") == name)
        of_response = pl.col("step").is_null() if "step" in scores.columns else pl.lit(True)
        yield _plain(f"score by {name}", scores.filter(of_response)["value"])
        yield _plain(f"score of a step by {name}", scores.filter(~of_response)["value"])


def _pairs(rows: pl.DataFrame) -> Iterator[tuple[str, Values]]:
    yield _plain("margin of a pair", rows["margin"])
    if rows["weight"].n_unique() > 1:
        yield _plain("weight of a pair", rows["weight"])
    chosen, rejected = rows["chosen"], rows["rejected"]
    sides = {("chosen", "good"): chosen, ("rejected", "bad"): rejected}
    yield "characters of a side", sides
    yield _plain("characters, chosen less rejected", chosen - rejected)


def _steps(rows: pl.DataFrame) -> Iterator[tuple[str, Values]]:
    labelled = rows.select("labels", "values").explode("labels", "values")
    kinds = (("labelled right", "good", True), ("labelled wrong", "bad", False))
    values = {
        (name, tone): labelled.filter(pl.col("labels").eq_missing(right))["values"]
        for name, tone, right in (*kinds, ("not labelled", "plain", None))
    }
    yield "value of a step", values
    yield _plain("steps a solution", rows["completions"])
    yield "first wrong step, from 1", {("", "bad"): rows["first_error"] + 1}


def _plain(title: str, values: pl.Series) -> tuple[str, Values]:
    return title, {("", "plain"): values}


def _characters(messages: str) -> pl.Expr:
    """The characters of the last message of each row."""
    content = pl.col(messages).list.last().struct.field("content")
    return content.str.len_chars().cast(pl.Int64).alias(messages)
