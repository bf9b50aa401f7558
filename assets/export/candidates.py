"""The candidates of an export: every response that a recipe wrote, with all its scores."""

from collections.abc import Iterator, Sequence

import polars as pl

from assets.export.messages import plain
from assets.project.given_prompts import given_prompts, given_tables
from assets.project.recipe_plan import Stage
from assets.storage.tables import Tables, having
from schemas import Responses, Scores

PROMPTS = 25_000
"""The most prompts whose candidates are in memory at a time."""

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
    tables: Tables, recipe: str, stages: Sequence[Stage], *, refresh: str, texts: bool = False
) -> Iterator[pl.DataFrame]:
    """The responses of ``recipe`` at ``refresh``, one row each, those of `PROMPTS` prompts at a
    time, and of these in the order they were written.

    Args:
        tables: The stored tables.
        recipe: The recipe.
        stages: Its stages.
        refresh: The refresh.
        texts: Whether messages become `assets.export.messages.plain`.

    Yields:
        Columns ``prompt`` (messages), ``response`` (text), ``scores`` (a list of `SCORE`),
        ``kept_by`` (the stages that kept it), ``finish``, ``tokens``, ``steps``, ``origin``, ids,
        and the prompt's ``source`` and ``licence``. Nothing if no stage writes responses.
    """
    asked = [
        tables.query((recipe, stage.name), refresh, lambda rows: rows.select("prompt_id"))
        for stage in stages
        if stage.gives is Responses
    ]
    ids = pl.concat([pl.DataFrame(schema={"prompt_id": pl.String}), *asked])["prompt_id"]
    ids = ids.unique(maintain_order=True)
    for start in range(0, ids.len(), PROMPTS):
        part = ids[start : start + PROMPTS]
        prompts = given_prompts(tables, recipe, given_tables(stages), refresh, having(part))
        prompts = plain(prompts) if texts else prompts
        yield _of_prompts(part, tables, recipe, stages, prompts, refresh=refresh)


def _of_prompts(
    ids: pl.Series,
    tables: Tables,
    recipe: str,
    stages: Sequence[Stage],
    prompts: pl.DataFrame,
    *,
    refresh: str,
) -> pl.DataFrame:
    """The candidates of the prompts ``ids``."""
    written = [
        tables.query((recipe, stage.name), refresh, having(ids)).with_columns(
            pl.col("finish").cast(pl.String), stage=pl.lit(stage.name)
        )
        for stage in stages
        if stage.gives is Responses
    ]
    rows = pl.concat(written)
    # A filter's table repeats the responses that it kept. Only a later table has their steps.
    responses = rows.group_by("response_id", maintain_order=True).agg(
        pl.col("prompt_id", "text", "finish", "tokens", "origin").first(),
        pl.col("steps").drop_nulls().last(),
        kept_by=pl.col("stage"),
    )
    drawn = prompts.select("prompt_id", "source", "licence", prompt="messages")
    judged = responses.join(drawn, on="prompt_id", how="left", maintain_order="left").join(
        _scores(responses["response_id"], tables, recipe, stages, refresh=refresh),
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


def _scores(
    ids: pl.Series, tables: Tables, recipe: str, stages: Sequence[Stage], *, refresh: str
) -> pl.DataFrame:
    """``response_id`` and the list of its ``scores``: by stage, the whole response before steps.
    Of the responses ``ids``."""
    frames = [
        tables.query((recipe, stage.name), refresh, having(ids)).select(
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
