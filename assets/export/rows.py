"""The rows of an export, some at a time, with columns of their prompts and scores."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import polars as pl

from assets.formats import Format
from assets.project.given_prompts import given_prompts
from assets.project.recipe_plan import Stage
from assets.storage.tables import Question, Tables, having
from schemas import Pairs, Responses, Scores, Table


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
    """The rows of ``stage`` at ``refresh``, some at a time, or all of them together if ``shape``
    needs them so. At least one frame, which may be empty.

    Each row has the columns ``source``, ``licence`` and ``refresh``, and the marks of ``shape``;
    scores also have the response's ``prompt``, ``text`` and ``finish``; pairs that were scored have
    ``score_chosen`` and ``score_rejected``.
    """
    key = (recipe, stage.name)
    marks = marks_of(shape, stage.gives, partial(tables.query, key, refresh))
    slices = tables.slices(key, refresh) if shape.one_row else [tables.read(key, refresh)]
    for rows in with_marks(slices, marks):
        columns = ["source", "licence"]
        if stage.gives is Scores:
            ids = having(rows["response_id"].unique())
            answers = tables.query((recipe, scored_stage(stage, stages)), refresh, ids)
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


def marks_of(
    shape: Format, table: type[Table], ask: Callable[[Question], pl.DataFrame]
) -> pl.DataFrame | None:
    """The marks of all rows of ``table``, in their order; None if ``shape`` needs none.

    Args:
        shape: The format.
        table: The table of the rows.
        ask: Gives the answer to a question about all rows.
    """
    marks = shape.marks.get(table)
    return None if marks is None else marks.of(ask(lambda rows: rows.select(marks.columns)))


def with_marks(
    slices: Iterable[pl.DataFrame], marks: pl.DataFrame | None
) -> Iterator[pl.DataFrame]:
    """The rows of each slice with theirs of the ``marks`` of all rows."""
    start = 0
    for rows in slices:
        yield rows if marks is None else rows.hstack(marks[start : start + rows.height])
        start += rows.height


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
