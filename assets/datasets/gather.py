"""Gathers the rows of a dataset, from a stage of each recipe at every refresh, and curates them."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from assets.datasets.curate import PROVENANCE, Curated, curated
from assets.datasets.stored_clusters import StoredClusters
from assets.project.dataset_plan import DatasetPlan
from assets.project.given_prompts import given_prompts
from assets.storage.tables import Tables
from filters.filter import Filter
from schemas import columns

ReadRows = Callable[[str, str, str], pl.DataFrame]
"""Reads the rows of a recipe, a stage and a refresh."""


def gathered(plan: DatasetPlan, tables: Tables, *, read: ReadRows | None = None) -> pl.DataFrame:
    """Gather the rows of a dataset.

    Args:
        plan: The plan of the dataset.
        tables: The stored tables.
        read: Reads the rows; by default the stored ones.

    Returns:
        The columns of the table, `assets.datasets.curate.PROVENANCE` and ``task``, the text of the
        prompt's task. They are null for a prompt that is in no table of prompts.
    """
    about = dict.fromkeys([*PROVENANCE, "task"], pl.String())
    schema = pl.Schema({**columns(plan.table), **about})
    frames = [pl.DataFrame(schema=schema)]
    for recipe, stage in plan.parts.items():
        for refresh in tables.refreshes((recipe, stage)):
            rows = (
                tables.read((recipe, stage), refresh)
                if read is None
                else read(recipe, stage, refresh)
            ).with_columns(recipe=pl.lit(recipe), refresh=pl.lit(refresh))
            prompts = given_prompts(tables, recipe, plan.prompts[recipe], refresh)
            origins = prompts.select("prompt_id", *PROVENANCE[2:], "task")
            joined = rows.join(origins, on="prompt_id", how="left", maintain_order="left")
            frames.append(joined.select(schema.names()))
    return pl.concat(frames)


def curated_by_plan(
    plan: DatasetPlan,
    rows: pl.DataFrame,
    tables: Tables,
    remembered: Mapping[str, str],
    *,
    filters: Sequence[Filter] | None = None,
    stored: StoredClusters | None = None,
) -> Curated:
    """Curate the gathered rows of a dataset.

    Args:
        plan: The plan of the dataset.
        rows: The rows of `gathered`.
        tables: The stored tables.
        remembered: The split of earlier prompts, by key.
        filters: The filters to apply; by default those of the plan.
        stored: The stored clusters of earlier prompts.

    Raises:
        MissingTableError: A source of evaluation prompts has not been read.
    """
    return curated(
        rows,
        plan.table,
        name=plan.name,
        filters=plan.filters if filters is None else filters,
        evaluations={
            name: tables.read(("prompts", source), None)
            for name, source in plan.evaluations.items()
        },
        held_out=plan.held_out,
        weights=plan.weights,
        cap=plan.cap,
        remembered=remembered,
        stored=stored,
    )
