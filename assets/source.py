"""The component of a source of prompts: ``type: assets.Source`` in a ``defs.yaml``.

    type: assets.Source
    attributes:
      name: gsm8k
      read: {use: generators.Files, path: shared/data/gsm8k/train.jsonl, ...}
      check: engines.checks.gsm8k        # who knows whether an answer is right; null: nobody
      rows: 1000                         # most new rows a refresh; null: all there are
      fixed: false                       # true: one table for all refreshes, to validate on

It makes the asset ``prompts/<name>``. A prompt whose reference the check cannot read (prose, where
an answer is wanted) is refused by its row when the source is read.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import dagster as dg
from pydantic import Field

from assets.account import RowCounts
from assets.catalogue import column_schema
from assets.declared import Declared
from assets.errors import RecipeError
from assets.execution.row_accounting import rows_metadata
from assets.factory import REFRESHES, Factory
from assets.imports import built
from assets.look import described
from assets.reading import read_on, stamp_of
from assets.retrying import in_words, retried
from assets.settings import load_settings
from engines.checks import UnknownCheckError, load_check
from schemas import Check, Prompts, PromptSource
from schemas.named import source_class


class SourceConfig(dg.Config):
    """What a run may say of the prompts it reads."""

    rows: int | None = Field(
        default=None,
        ge=1,
        description="Prompts this refresh must hold at least. Leave it out for as many as the "
        "source says; fewer than that changes nothing, for rows that were read are kept.",
    )


class Source(Declared):
    """Prompts for recipes, a refresh at a time, each prompt once."""

    read: dict[str, Any]
    check: str | None = None
    rows: int | None = Field(default=None, ge=1, strict=True)
    fixed: bool = Field(default=False, strict=True)

    def ready(self) -> None:
        """Raises `RecipeError` where nothing can be read or checked."""
        self.reader()
        if self.check is not None:
            self.checker()

    @property
    def key(self) -> tuple[str, str]:
        """The asset's key."""
        return ("prompts", self.name)

    def reader(self) -> PromptSource:
        """What reads the prompts. Raises `RecipeError`."""
        reader: PromptSource = built(
            self.read,
            source_class,
            file=self.file,
            field="read",
            folder=load_settings().folder,
        )
        return reader

    def checker(self) -> Check:
        """What tells right answers from wrong ones. Raises `RecipeError`."""
        try:
            return load_check(str(self.check))
        except UnknownCheckError as error:
            raise RecipeError(str(error), file=self.file, field="check") from error

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
            factory: Factory = context.resources.factory
            refresh = None if fixed else context.partition_key
            began = perf_counter()
            wanted = limit if fixed else _most(limit, config.rows)
            with retried(context.run, context.retry_number, factory.settings.retries), in_words():
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
                check_results=[described(Prompts, reading.split.kept)],
            )

        return dg.Definitions(assets=[prompts])


def _most(limit: int | None, asked: int | None) -> int | None:
    """The rows of a refresh: its own limit, or as many as a run asks for where that is more."""
    return None if limit is None else max(limit, asked or 0)
