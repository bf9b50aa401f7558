"""Who wrote imported answers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import polars as pl
from upath import UPath

from assets.project.recipe_plan import Stage
from assets.provenance.models import UsedModel
from assets.storage.tables import Tables, query_table
from engines.operators.imported_tables import TABLES
from schemas import Responses

WRITER = "writer"
"""The role of a model that wrote imported answers."""


def imported_writers(
    tables: Tables, recipe: str, stages: Sequence[Stage], refreshes: Sequence[str], imports: UPath
) -> list[UsedModel]:
    """The writers of the imported answers of a recipe, and one for those that name none. An import
    states the licence of the data and not that of a model, so that of a writer is unknown.

    Args:
        tables: The stored tables.
        recipe: The name of the recipe.
        stages: Its stages.
        refreshes: The refreshes.
        imports: The folder of imported datasets.
    """
    from generators.sampling.imported import Imported

    importing: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for stage in stages:
        if not isinstance(stage.operator, Imported):
            continue
        file = imports / stage.operator.dataset / f"{TABLES[Responses]}.parquet"
        known = query_table(file, _with_model) if file.exists() else None
        for refresh in refreshes:
            for model in _models(tables.query((recipe, stage.name), refresh, _with_model), known):
                callers = importing[stage.operator.dataset, model]
                if stage.name not in callers:
                    callers.append(stage.name)
    return [
        UsedModel(
            WRITER,
            f"unknown writers of {dataset}" if model is None else model,
            None,
            "imported",
            None,
            tuple(callers),
        )
        for (dataset, model), callers in importing.items()
    ]


def _with_model(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The ids of answers, and the ``model`` that wrote them if the table has it, without texts."""
    names = rows.collect_schema()
    model = [pl.col("origin").struct.field("model")] if "origin" in names else []
    return rows.select(*model, *(name for name in _ANSWERS if name in names))


_ANSWERS = ("response_id", "chosen_id", "rejected_id")


def _models(rows: pl.DataFrame, known: pl.DataFrame | None) -> Iterator[str | None]:
    """The models that wrote the answers of ``rows``; None for answers whose model is not known."""
    if rows.is_empty():
        return
    if "model" in rows.columns:
        yield from rows["model"].unique(maintain_order=True)
        return
    answers = pl.concat(rows.select(response_id=name) for name in _ANSWERS if name in rows.columns)
    if known is None:
        yield None
        return
    origins = known.select("response_id", "model").unique("response_id")
    joined = answers.join(origins, on="response_id", how="left")
    yield from joined["model"].unique(maintain_order=True)
