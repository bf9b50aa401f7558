"""The Dagster asset of a curated dataset."""

from collections.abc import Iterator, Mapping
from time import perf_counter

import dagster as dg
import polars as pl

from assets.automation.partitions import freshness_policy
from assets.components.asset_metadata import column_schema
from assets.config.operation import Freshness
from assets.datasets.clusters import clusters
from assets.datasets.curate import Curated, asked_texts, curated
from assets.datasets.gather import gathered
from assets.execution.retry import as_dagster_failure, retried
from assets.execution.row_accounting import adds_up, rows_metadata
from assets.execution.row_counts import RowCounts, count_reasons
from assets.execution.schema_check import schema_check
from assets.project.dataset import DATASETS
from assets.project.dataset_plan import DatasetPlan
from assets.project.resources import Resources
from assets.storage.dataset_versions import HELD_OUT, TRAIN, Versions
from schemas import Split, columns


def dataset_asset(plan: DatasetPlan, freshness: Freshness) -> dg.AssetsDefinition:
    """The asset ``datasets/<name>``: the same at every refresh, and made again after each."""
    key = [DATASETS, plan.name]
    read = [[recipe, stage] for recipe, stage in plan.parts.items()]
    read += [["prompts", source] for source in plan.evaluations.values()]

    @dg.asset(
        key=key,
        group_name=DATASETS,
        description=_description(plan),
        kinds={"parquet", "polars"},
        tags={"table": plan.table.__name__},
        metadata={"dagster/column_schema": column_schema(plan.table)},
        deps=[dg.AssetKey(path) for path in dict.fromkeys(map(tuple, read))],
        required_resource_keys={"factory"},
        freshness_policy=freshness_policy(freshness),
        check_specs=[
            dg.AssetCheckSpec("schema", asset=key, description="Every row keeps every rule"),
            dg.AssetCheckSpec(
                "adds_up", asset=key, description="Kept and dropped add up to what was made"
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
        versions = Versions(factory.settings.root_path, plan.name)
        with (
            retried(context.run, context.retry_number, factory.settings.retries),
            as_dagster_failure(),
        ):
            found = gathered(plan, factory.tables)
            made = _curated(plan, found, factory, versions.remembered())
            # Before the version: what is in a split is remembered whatever happens next.
            versions.remember(made.remembered)
            version, new = versions.write(
                made.rows,
                made.dropped,
                table=plan.table.__name__,
                about={
                    "of": dict(plan.parts),
                    "held_out": plan.held_out,
                    "in": found.height,
                    "dropped": count_reasons(made.dropped),
                },
            )
        seconds = perf_counter() - began
        rows = made.rows.select(columns(plan.table).names())
        counts = RowCounts("rows", found.height, rows.height, count_reasons(made.dropped), {})
        yield dg.MaterializeResult(
            metadata={
                **rows_metadata(plan.table, Split(rows, made.dropped), counts, seconds=seconds),
                "version": version.number,
                "new version": new,
                "train": version.rows(TRAIN),
                "held out": version.rows(HELD_OUT),
                "recipes": dg.MetadataValue.json(dict(made.rows["recipe"].value_counts().rows())),
            },
            check_results=[
                schema_check(plan.table, rows),
                adds_up(counts),
                _no_leak(plan, made),
            ],
            data_version=dg.DataVersion(version.digest),
        )

    return dataset


def _curated(
    plan: DatasetPlan, found: pl.DataFrame, factory: Resources, remembered: Mapping[str, str]
) -> Curated:
    """What of ``found`` the dataset holds. Raises `MissingTableError` where a source of evaluation
    prompts was never read."""
    return curated(
        found,
        plan.table,
        name=plan.name,
        filters=plan.filters,
        evaluations={
            name: factory.tables.read(("prompts", source), None)
            for name, source in plan.evaluations.items()
        },
        held_out=plan.held_out,
        weights=plan.weights,
        cap=plan.cap,
        remembered=remembered,
    )


def _no_leak(plan: DatasetPlan, made: Curated) -> dg.AssetCheckResult:
    """Looked for anew among the rows that were kept, whatever chose them."""
    placed = pl.DataFrame(
        {
            "cluster": clusters(asked_texts(made.rows, plan.table)),
            "split": made.rows["split"],
            "prompt_id": made.rows["prompt_id"],
        }
    )
    torn = placed.filter(
        (pl.col("split").n_unique().over("cluster") > 1)
        | (pl.col("split").n_unique().over("prompt_id") > 1)
    )
    return dg.AssetCheckResult(
        check_name="no_leak",
        passed=torn.is_empty(),
        description="no prompt of one split is like a prompt of the other"
        if torn.is_empty()
        else f"{torn.height:,} rows have prompts that are in both splits, or like one that is",
    )


def _description(plan: DatasetPlan) -> str:
    of = ", ".join(f"{recipe}/{stage}" for recipe, stage in plan.parts.items())
    share = "" if plan.weights is None else " in the proportions of their weights"
    return (
        f"All refreshes of {of}{share}: no row twice, no prompt that policies are measured on, and "
        f"{plan.held_out:.0%} of the prompts held out with all that are like them\n\n"
        f"factory export datasets/{plan.name} DIR"
    )
