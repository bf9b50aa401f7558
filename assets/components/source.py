"""The Dagster component of a source of prompts: ``type: assets.Source``
(`assets.project.source`)."""

from collections.abc import Iterator
from time import perf_counter

import dagster as dg
from pydantic import Field

from assets.automation.partitions import REFRESHES
from assets.components.asset_metadata import column_schema
from assets.components.declared import DeclaredComponent
from assets.execution.retry import as_dagster_failure, retried
from assets.execution.row_accounting import rows_metadata
from assets.execution.row_counts import RowCounts
from assets.execution.schema_check import schema_check
from assets.project.resources import Resources
from assets.project.source import SourceSpec
from assets.prompts.incremental_read import read_on, stamp_of
from schemas import Prompts


class SourceConfig(dg.Config):
    """What a run may say of the prompts it reads."""

    rows: int | None = Field(
        default=None,
        ge=1,
        description="Prompts this refresh must hold at least. Leave it out for as many as the "
        "source says; fewer than that changes nothing, for rows that were read are kept.",
    )


class Source(SourceSpec, DeclaredComponent):
    """A source of prompts."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The same, where Dagster loads all components of a folder."""
        return self.definitions()

    def definitions(self) -> dg.Definitions:
        """The asset ``prompts/<name>``."""
        name, fixed, limit, read = self.name, self.fixed, self.rows, self.read
        reader = self.reader()
        readable = None if self.check is None else getattr(self.checker(), "readable", None)

        @dg.asset(
            key=list(self.key),
            group_name="prompts",
            partitions_def=None if fixed else REFRESHES,
            description=f"Prompts read by {read['use']}"
            + (", the same at every refresh" if fixed else ", those that are new at each refresh"),
            kinds={"parquet", "polars"},
            tags={"table": Prompts.__name__, "source": name},
            metadata={
                "read": dg.MetadataValue.json(dict(read)),
                "dagster/column_schema": column_schema(Prompts),
            },
            io_manager_key="tables",
            required_resource_keys={"factory"},
            check_specs=[
                dg.AssetCheckSpec("schema", asset=list(self.key), description="Every rule holds")
            ],
        )
        def prompts(
            context: dg.AssetExecutionContext, config: SourceConfig
        ) -> Iterator[dg.MaterializeResult[None]]:
            factory: Resources = context.resources.factory
            refresh = None if fixed else context.partition_key
            began = perf_counter()
            wanted = limit if fixed else _most(limit, config.rows)
            with (
                retried(context.run, context.retry_number, factory.settings.retries),
                as_dagster_failure(),
            ):
                # Asked before it is read: what is written in between is news then.
                stamp = stamp_of(reader, name=name)
                reading = read_on(
                    reader,
                    name=name,
                    key=("prompts", name),
                    refresh=refresh,
                    limit=wanted,
                    tables=factory.tables,
                    read={**read, "rows": limit} if fixed else read,
                    readable=readable,
                )
                about = {**reading.about, "stamp": stamp}
                path = factory.tables.write(("prompts", name), refresh, reading.split, about=about)
            seconds = perf_counter() - began
            counts = RowCounts.of(reading.split)
            yield dg.MaterializeResult(
                metadata={
                    **rows_metadata(Prompts, reading.split, counts, seconds=seconds),
                    "path": dg.MetadataValue.path(str(path)),
                    "new": reading.new,
                    "revision": str(reading.about["revision"]),
                },
                check_results=[schema_check(Prompts, reading.split.kept)],
            )

        return dg.Definitions(assets=[prompts])


def _most(limit: int | None, asked: int | None) -> int | None:
    """The rows of a refresh: its own limit, or as many as a run asks for where that is more."""
    return None if limit is None else max(limit, asked or 0)
