"""The Dagster asset of a curated dataset."""

from collections.abc import Iterator
from itertools import chain
from time import perf_counter

import dagster as dg
import polars as pl

from assets.automation.partitions import freshness_policy
from assets.components.asset_metadata import column_schema
from assets.config.operation import Freshness
from assets.datasets.curate import Curated
from assets.datasets.update import updated
from assets.execution.executor import own_pool
from assets.execution.retry import as_dagster_failure, retried
from assets.execution.row_accounting import adds_up, rows_metadata
from assets.execution.row_counts import RowCounts, count_reasons
from assets.execution.schema_check import schema_check_of_parts
from assets.project.dataset import DATASETS
from assets.project.dataset_plan import DatasetPlan
from assets.project.resources import Resources
from assets.rendering.markdown import escaped
from assets.storage.dataset_versions import HELD_OUT, TRAIN, VersionPart, Versions
from schemas import Split, columns, empty


def dataset_asset(
    plan: DatasetPlan, freshness: Freshness, unfit: str | None = None
) -> dg.AssetsDefinition:
    """The asset ``datasets/<name>``. It has no partitions, and is updated after each refresh.

    Args:
        plan: The plan of the dataset.
        freshness: How old the dataset may be.
        unfit: Why one of its recipes cannot run; None if all can.
    """
    key = [DATASETS, plan.name]
    inputs = [[recipe, stage] for recipe, stage in plan.parts.items()]
    inputs += [["prompts", source] for source in plan.evaluations.values()]

    @dg.asset(
        key=key,
        group_name=DATASETS,
        description=_description(plan, unfit),
        kinds={"parquet", "polars"},
        tags={"table": plan.table.__name__},
        metadata={"dagster/column_schema": column_schema(plan.table)},
        deps=[dg.AssetKey(path) for path in dict.fromkeys(map(tuple, inputs))],
        required_resource_keys={"factory"},
        pool=own_pool(key),
        freshness_policy=freshness_policy(freshness),
        check_specs=[
            dg.AssetCheckSpec("schema", asset=key, description="Every row satisfies every rule"),
            dg.AssetCheckSpec(
                "adds_up", asset=key, description="Kept and dropped rows add up to all rows"
            ),
            dg.AssetCheckSpec(
                "no_leak",
                asset=key,
                description="No prompt of one split is like a prompt of the other",
            ),
        ],
    )
    def dataset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        factory: Resources = context.resources.factory
        began = perf_counter()
        with (
            retried(context.run, context.retry_number, factory.settings.retries),
            as_dagster_failure(),
        ):
            versions = Versions(factory.settings.root_path, plan.name)
            before = {part.file for part in versions.version().parts} if versions.numbers() else ()
            update = updated(plan, factory.tables, versions)
        seconds = perf_counter() - began
        curation, version = update.curation, update.version
        # A file never changes, so those of before were checked when they were written.
        written = [part for part in version.parts if part.file not in before]
        shown = [next(_rows(plan, versions, part)) for part in written[:1] or version.parts[-1:]]
        counts = RowCounts(
            "rows", update.came, curation.rows.height, count_reasons(curation.dropped), {}
        )
        yield dg.MaterializeResult(
            metadata={
                **rows_metadata(
                    plan.table,
                    Split(pl.concat([empty(plan.table), *shown]), curation.dropped),
                    counts,
                    seconds=seconds,
                ),
                "dagster/row_count": version.rows(),
                "version": version.number,
                "new version": update.new,
                "train": version.rows(TRAIN),
                "held out": version.rows(HELD_OUT),
                "recipes": dg.MetadataValue.json(
                    dict(curation.rows["recipe"].value_counts().rows())
                ),
            },
            check_results=[
                schema_check_of_parts(
                    plan.table, chain.from_iterable(_rows(plan, versions, part) for part in written)
                ),
                adds_up(counts),
                _no_leak(curation),
            ],
            data_version=dg.DataVersion(version.digest),
        )

    return dataset


def _rows(plan: DatasetPlan, versions: Versions, part: VersionPart) -> Iterator[pl.DataFrame]:
    names = columns(plan.table).names()
    return (rows.select(names) for rows in versions.slices_of(part))


def _no_leak(curation: Curated) -> dg.AssetCheckResult:
    """The check ``no_leak``: no cluster of the kept rows, and no prompt, is in both splits."""
    leaks = curation.rows.filter(
        (pl.col("split").n_unique().over("cluster") > 1)
        | (pl.col("split").n_unique().over("prompt_id") > 1)
    )
    return dg.AssetCheckResult(
        check_name="no_leak",
        passed=leaks.is_empty(),
        description="no prompt of one split is like a prompt of the other"
        if leaks.is_empty()
        else f"{leaks.height:,} rows have a prompt that is like a prompt of the other split",
    )


def _description(plan: DatasetPlan, unfit: str | None) -> str:
    of = ", ".join(f"{recipe}/{stage}" for recipe, stage in plan.parts.items())
    share = "" if plan.weights is None else " in the proportions of their weights"
    return (
        f"All refreshes of {of}{share}, without repeated rows and without prompts that policies "
        f"are evaluated on. {plan.held_out:.0%} of the prompts are held out, together with all "
        "similar prompts.\n\n"
        f"factory export datasets/{plan.name} DIR" + (f"\n\n**{escaped(unfit)}**" if unfit else "")
    )
