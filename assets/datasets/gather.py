"""The rows that a dataset is made from: of each recipe's stage, at every refresh it has run at."""

import polars as pl

from assets.datasets.curate import TOLD
from assets.project.dataset_plan import DatasetPlan
from assets.storage.tables import Tables
from schemas import columns


def gathered(plan: DatasetPlan, tables: Tables) -> pl.DataFrame:
    """The table's columns and `assets.datasets.curate.TOLD`; of prompts that a stage made itself,
    no source is known."""
    schema = pl.Schema({**columns(plan.table), **{name: pl.String() for name in TOLD}})
    found = [pl.DataFrame(schema=schema)]
    for recipe, stage in plan.parts.items():
        drawn = tables.refreshes((recipe, "prompts"))
        for refresh in tables.refreshes((recipe, stage)):
            rows = tables.read((recipe, stage), refresh).with_columns(
                recipe=pl.lit(recipe), refresh=pl.lit(refresh)
            )
            told = pl.DataFrame(
                schema={"prompt_id": pl.String, **dict.fromkeys(TOLD[2:], pl.String)}
            )
            if refresh in drawn:
                told = tables.read((recipe, "prompts"), refresh).select(told.columns)
            joined = rows.join(told, on="prompt_id", how="left", maintain_order="left")
            found.append(joined.select(schema.names()))
    return pl.concat(found)
