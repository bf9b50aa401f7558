"""Reads imported datasets: the tables of `TABLES`, as ``<imports>/<dataset>/<table>.parquet``.
``factory import`` writes them (`assets.importers.importer`)."""

import polars as pl

from engines.context import Context
from engines.protocol import EngineError
from schemas import (
    Demonstrations,
    Pairs,
    Prompts,
    Responses,
    Scores,
    StepLabels,
    Table,
    migrated,
)

TABLES: dict[type[Table], str] = {
    Prompts: "prompts",
    Responses: "responses",
    Scores: "scores",
    Pairs: "pairs",
    StepLabels: "step_labels",
    Demonstrations: "demonstrations",
}
"""The file name of each table, without its suffix."""


def imported(context: Context, dataset: str, table: type[Table]) -> pl.DataFrame:
    """All rows of ``table`` in the imported ``dataset``.

    Raises:
        EngineError: there is no such dataset, or it has no such rows.
    """
    if context.imports is None:
        raise EngineError(
            f"stage {context.stage!r} reads imported data, but there is no folder of imports: set "
            "one in factory.yaml"
        )
    file = context.imports / dataset / f"{TABLES[table]}.parquet"
    if not file.exists():
        raise EngineError(
            f"stage {context.stage!r}: there is no imported dataset {dataset!r} ({file}); import "
            f"it with: factory import FORMAT PATH --name {dataset}"
        )
    with file.open("rb") as stream:
        rows = migrated(pl.read_parquet(stream))
    if rows.is_empty():
        raise EngineError(
            f"stage {context.stage!r}: the imported dataset {dataset!r} has no {TABLES[table]}"
        )
    return rows
