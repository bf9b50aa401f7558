"""The Dagster component of a source of prompts: ``type: assets.Source``
(`assets.project.source`)."""

from collections.abc import Iterator
from time import perf_counter

import dagster as dg
from pydantic import Field

from assets.automation.partitions import shown_days
from assets.components.asset_metadata import column_schema
from assets.components.declared import DeclaredComponent
from assets.config.settings import load_settings
from assets.execution.executor import own_pool
from assets.execution.retry import as_dagster_failure, retried
from assets.execution.row_accounting import rows_metadata
from assets.execution.row_counts import RowCounts
from assets.execution.schema_check import schema_check
from assets.project.resources import Resources
from assets.project.source import SourceSpec
from assets.prompts.incremental_read import read_on, stamp_of
from schemas import Prompts


class SourceConfig(dg.Config):
    """The run configuration of a source."""

    rows: int | None = Field(
        default=None,
        ge=1,
        description="The smallest number of prompts of this refresh. By default the number that "
        "the source sets. A smaller number changes nothing: rows that were read are kept.",
    )


class Source(SourceSpec, DeclaredComponent):
    """A source of prompts."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return `definitions`. Dagster calls this when it loads the components of a folder."""
        return self.definitions(shown_days(load_settings()))

    def definitions(self, days: dg.DailyPartitionsDefinition) -> dg.Definitions:
        """The Dagster definitions of the source: the asset ``prompts/<name>``.

        Args:
            days: The partitions: the days that can be refreshed. A fixed source has none.
        """
        name, fixed, limit, read = self.name, self.fixed, self.rows, self.read
        reader = self.reader()
        readable = None if self.check is None else getattr(self.checker(), "readable", None)

        @dg.asset(
            key=list(self.key),
            group_name="prompts",
            partitions_def=None if fixed else days,
            description=f"Prompts read by {read['use']}"
            + (", the same at every refresh" if fixed else ", new ones at each refresh"),
            kinds={"parquet", "polars"},
            tags={"table": Prompts.__name__, "source": name},
            metadata={
                "read": dg.MetadataValue.json(dict(read)),
                "dagster/column_schema": column_schema(Prompts),
            },
            io_manager_key="tables",
            pool=own_pool(self.key),
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
            wanted = limit if fixed else _row_limit(limit, config.rows)
            with (
                retried(context.run, context.retry_number, factory.settings.retries),
                as_dagster_failure(),
            ):
                # Before the read: a later change of the source then has another stamp.
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


def _row_limit(limit: int | None, requested: int | None) -> int | None:
    """The row limit of a refresh: the larger of the source's limit and the run's request."""
    return None if limit is None else max(limit, requested or 0)
