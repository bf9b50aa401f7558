"""The Dagster I/O manager: it passes tables between stages as files of `assets.storage.tables`."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from upath import UPath

from assets.config.operation import Retries
from assets.execution.retry import as_dagster_failure, retried
from assets.project.changes import SET
from assets.storage.parts import ROWS
from assets.storage.stage_parts import StageParts
from assets.storage.tables import MissingTableError, read_table, table_exists, write_split
from schemas import Split


class TablesIOManager(dg.UPathIOManager):
    """Writes the `schemas.Split` of a stage, or makes its parts a table. Later stages get the path
    of the table, or its rows.

    A stage is retried if a store is temporarily unavailable (`assets.execution.retry`).
    """

    extension = ".parquet"

    def __init__(self, root: UPath | Path, retries: Retries | None = None) -> None:
        super().__init__(base_path=UPath(root) / "tables")
        self.retries = retries or Retries()

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write the stage's rows."""
        step = context.step_context
        with (
            retried(step.dagster_run, step.previous_attempt_count, self.retries),
            as_dagster_failure(),
        ):
            super().handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the rows of a stage."""
        step = context.step_context
        with (
            retried(step.dagster_run, step.previous_attempt_count, self.retries),
            as_dagster_failure(),
        ):
            return super().load_input(context)

    def make_directory(self, path: UPath) -> None:
        """Do nothing. `write_split` makes local folders, and an object store has none."""

    def dump_to_path(self, context: dg.OutputContext, obj: Split | StageParts, path: UPath) -> None:
        """Write the rows."""
        changed = context.output_metadata.get(SET)
        about = {} if changed is None else {SET: changed.value}
        if isinstance(obj, StageParts):
            obj.publish(about)
        else:
            write_split(path, obj, about=about, part=ROWS)

    def load_from_path(self, context: dg.InputContext, path: UPath) -> UPath | pl.DataFrame:
        """The path of a table, which is there; its rows, for an asset that takes a frame."""
        if not table_exists(path):
            recipe, *_ = context.asset_key.path
            command = (
                f"factory run {recipe} --refresh {context.asset_partition_key}"
                if context.has_asset_partitions
                else "factory run with the recipe that reads it"
            )
            raise MissingTableError(
                f"{context.asset_key.to_user_string()} has no rows yet ({path} does not exist); "
                f"make them with: {command}"
            )
        return read_table(path) if context.dagster_type.typing_type is pl.DataFrame else path
