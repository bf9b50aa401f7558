"""The prompts of a recipe that come from sources, whose licence, source and check are known."""

from collections.abc import Iterable, Sequence

import polars as pl

from assets.project.recipe_plan import Stage
from assets.storage.tables import Question, Tables
from schemas import Prompts, empty


def given_tables(stages: Iterable[Stage]) -> tuple[str, ...]:
    """The tables of a recipe with prompts from sources: ``prompts``, and those of the stages that
    draw from a source of their own."""
    return ("prompts", *(stage.name for stage in stages if stage.sources))


def given_prompts(
    tables: Tables,
    recipe: str,
    names: Sequence[str],
    refresh: str | None,
    question: Question = lambda prompts: prompts,
) -> pl.DataFrame:
    """The prompts of some tables of a recipe at a refresh, each once. Tables that are not stored
    are left out.

    Args:
        tables: The stored tables.
        recipe: The recipe.
        names: What `given_tables` gives.
        refresh: The refresh.
        question: Selects prompts, or columns with ``prompt_id`` among them; by default all.
    """
    frames = [
        tables.query((recipe, name), refresh, question)
        for name in names
        if refresh in tables.refreshes((recipe, name))
    ]
    nothing = question(empty(Prompts).lazy()).collect()
    return pl.concat([nothing, *frames]).unique("prompt_id", keep="first", maintain_order=True)
