"""A code location with the stages of a recipe by name alone, each of which notes that it was made:
what a backfill of many days is given to run in `tests.assets.test_backfill`."""

import os
from datetime import date
from pathlib import Path

import dagster as dg

from assets.automation.partitions import daily, days_before

DAYS = daily(date(2024, 1, 1), "UTC")
READS = {
    "responses": "prompts",
    "pairs": "responses",
    "policy": "pairs",
    "validated": "policy",
}


def note(context: dg.AssetExecutionContext) -> None:
    with Path(os.environ["DAYS_NOTES"]).open("a") as file:
        file.write(f"{context.partition_key} {context.asset_key.path[-1]}\n")


@dg.asset(key=["prompts", "source"], partitions_def=DAYS)
def source(context: dg.AssetExecutionContext) -> None:
    note(context)


@dg.asset(
    key=["recipe", "prompts"],
    partitions_def=DAYS,
    deps=[source, dg.AssetDep(["recipe", "prompts"], partition_mapping=days_before())],
)
def prompts(context: dg.AssetExecutionContext) -> None:
    note(context)


def stage(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["recipe", name],
        partitions_def=DAYS,
        deps=[dg.AssetKey(["recipe", READS[name]])],
    )
    def made(context: dg.AssetExecutionContext) -> None:
        note(context)

    return made


defs = dg.Definitions(assets=[source, prompts, *map(stage, READS)], executor=dg.in_process_executor)
