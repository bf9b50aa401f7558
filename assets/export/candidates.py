"""The candidates of an export: every response that a recipe wrote, with all its scores."""

from collections.abc import Sequence

import polars as pl

from assets.project.recipe_plan import Stage
from assets.storage.tables import Tables
from schemas import Responses, Scores

SCORE = {
    "stage": pl.String,
    "annotator": pl.String,
    "step": pl.Int32,
    "value": pl.Float64,
    "raw": pl.String,
    "error": pl.String,
    "model": pl.String,
}
"""One score of a response. ``step`` is null for a score of the whole response, and ``raw`` is the
annotator's own text."""


def candidates(
    tables: Tables, recipe: str, stages: Sequence[Stage], prompts: pl.DataFrame, *, refresh: str
) -> pl.DataFrame:
    """The responses of ``recipe`` at ``refresh``, one row each, in the order they were written.

    Args:
        prompts: The prompts that the recipe drew at ``refresh``.

    Returns:
        Columns ``prompt`` (messages), ``response`` (text), ``scores`` (a list of `SCORE`),
        ``kept_by`` (the stages that kept it), ``finish``, ``tokens``, ``steps``, ``origin``, ids,
        and the prompt's ``source`` and ``licence``. Empty if no stage writes responses.
    """
    written = [
        tables.read((recipe, stage.name), refresh).with_columns(
            pl.col("finish").cast(pl.String), stage=pl.lit(stage.name)
        )
        for stage in stages
        if stage.gives is Responses
    ]
    if not written:
        return pl.DataFrame()
    rows = pl.concat(written)
    # A filter's table repeats the responses that it kept. Only a later table has their steps.
    responses = rows.group_by("response_id", maintain_order=True).agg(
        pl.col("prompt_id", "text", "finish", "tokens", "origin").first(),
        pl.col("steps").drop_nulls().last(),
        kept_by=pl.col("stage"),
    )
    drawn = prompts.select("prompt_id", "source", "licence", prompt="messages")
    judged = responses.join(drawn, on="prompt_id", how="left", maintain_order="left").join(
        _scores(tables, recipe, stages, refresh=refresh),
        on="response_id",
        how="left",
        maintain_order="left",
    )
    return judged.select(
        "prompt",
        pl.col("text").alias("response"),
        pl.col("scores").fill_null([]),
        "kept_by",
        "response_id",
        "prompt_id",
        "finish",
        "tokens",
        "steps",
        "origin",
        "source",
        "licence",
        pl.lit(refresh).alias("refresh"),
    )


def _scores(tables: Tables, recipe: str, stages: Sequence[Stage], *, refresh: str) -> pl.DataFrame:
    """``response_id`` and the list of its ``scores``: by stage, the whole response before steps."""
    frames = [
        tables.read((recipe, stage.name), refresh).select(
            "response_id",
            pl.lit(stage.name).alias("stage"),
            "annotator",
            "step",
            "value",
            "raw",
            "error",
            pl.col("origin").struct.field("model").alias("model"),
        )
        for stage in stages
        if stage.gives is Scores
    ]
    rows = pl.concat([pl.DataFrame(schema={"response_id": pl.String, **SCORE}), *frames])
    return rows.group_by("response_id", maintain_order=True).agg(
        scores=pl.struct(*SCORE).sort_by("step", nulls_last=False, maintain_order=True)
    )
