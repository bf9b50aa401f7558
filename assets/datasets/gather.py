"""Gathers the rows of a dataset: from a stage of each recipe, at every refresh."""

import polars as pl

from assets.datasets.curate import PROVENANCE
from assets.project.dataset_plan import DatasetPlan
from assets.storage.tables import Tables
from schemas import columns


def gathered(plan: DatasetPlan, tables: Tables) -> pl.DataFrame:
    """Gather the rows of a dataset.

    Returns:
        The columns of the table and `assets.datasets.curate.PROVENANCE`. The source of a prompt
        that a stage wrote itself is null.
    """
    schema = pl.Schema({**columns(plan.table), **{name: pl.String() for name in PROVENANCE}})
    frames = [pl.DataFrame(schema=schema)]
    for recipe, stage in plan.parts.items():
        with_prompts = tables.refreshes((recipe, "prompts"))
        for refresh in tables.refreshes((recipe, stage)):
            rows = tables.read((recipe, stage), refresh).with_columns(
                recipe=pl.lit(recipe), refresh=pl.lit(refresh)
            )
            origins = pl.DataFrame(
                schema={"prompt_id": pl.String, **dict.fromkeys(PROVENANCE[2:], pl.String)}
            )
            if refresh in with_prompts:
                origins = tables.read((recipe, "prompts"), refresh).select(origins.columns)
            joined = rows.join(origins, on="prompt_id", how="left", maintain_order="left")
            frames.append(joined.select(schema.names()))
    return pl.concat(frames)
