"""The rows of an export, some at a time, with columns of their prompts and scores."""

from collections.abc import Iterator, Sequence

import polars as pl

from assets.formats import Format
from assets.project.given_prompts import given_prompts
from assets.project.recipe_plan import Stage
from assets.storage.tables import Tables, having
from schemas import Pairs, Responses, Scores

ROWS = 50_000
"""The most rows that are in memory at a time, if the format looks at each row alone."""


def rows_of_refresh(
    tables: Tables,
    recipe: str,
    stage: Stage,
    stages: Sequence[Stage],
    given: Sequence[str],
    shape: Format,
    *,
    refresh: str,
) -> Iterator[pl.DataFrame]:
    """The rows of ``stage`` at ``refresh``, `ROWS` at a time, or all of them together if ``shape``
    needs them so. At least one frame, which may be empty.

    Each row has the columns ``source``, ``licence`` and ``refresh``; scores also have the
    response's ``prompt``, ``text`` and ``finish``; pairs that were scored have ``score_chosen`` and
    ``score_rejected``.
    """
    key = (recipe, stage.name)
    alone = shape.one_row and stage.gives is not Scores
    for rows in tables.slices(key, refresh, ROWS) if alone else [tables.read(key, refresh)]:
        columns = ["source", "licence"]
        if stage.gives is Scores:
            answers = tables.read((recipe, scored_stage(stage, stages)), refresh)
            rows = rows.join(
                answers.select("response_id", "prompt_id", "text", "finish"),
                on="response_id",
                how="left",
                maintain_order="left",
            )
            columns.append("prompt")
        asked = given_prompts(tables, recipe, given, refresh, having(rows["prompt_id"].unique()))
        described = asked.rename({"messages": "prompt"}).select("prompt_id", *columns)
        rows = rows.join(described, on="prompt_id", how="left", maintain_order="left")
        if stage.gives is Pairs:
            rows = with_scores(tables, recipe, rows, stage, stages, refresh=refresh)
        yield rows.with_columns(refresh=pl.lit(refresh))


def scored_stage(stage: Stage, stages: Sequence[Stage]) -> str:
    """The stage of the responses that ``stage`` scores."""
    return next(
        each.name for each in stages if each.gives is Responses and each.name in stage.reads
    )


def scored_by(stage: Stage, stages: Sequence[Stage]) -> str | None:
    """The stage of scores that the pairs of ``stage`` were chosen by; None if there is none."""
    scoring = [each.name for each in stages if each.gives is Scores and each.name in stage.reads]
    return scoring[0] if scoring else None


def with_scores(
    tables: Tables,
    recipe: str,
    pairs: pl.DataFrame,
    stage: Stage,
    stages: Sequence[Stage],
    *,
    refresh: str,
) -> pl.DataFrame:
    """``pairs`` with the mean score of each side, from the stage that the pairs were chosen by.

    These are scores of whole answers. Sides that are steps after a shared prefix have none.
    """
    scoring = scored_by(stage, stages)
    if scoring is None:
        return pairs
    sides = pl.concat([pairs["chosen_id"], pairs["rejected_id"]]).unique().alias("response_id")

    def of_sides(scores: pl.LazyFrame) -> pl.LazyFrame:
        whole = having(sides)(scores).filter(pl.col("step").is_null())
        return whole.select("response_id", "value")

    scores = tables.query((recipe, scoring), refresh, of_sides)
    mean = scores.group_by("response_id").agg(pl.col("value").mean())
    for side in ("chosen", "rejected"):
        renamed = mean.rename({"response_id": f"{side}_id", "value": f"score_{side}"})
        pairs = pairs.join(
            renamed, on=f"{side}_id", how="left", maintain_order="left"
        ).with_columns(pl.when(pl.col("shared_prefix").is_null()).then(f"score_{side}"))
    return pairs
