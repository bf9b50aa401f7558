"""Exports a curated dataset, with both splits, in a format that `datasets` opens and TRL trains on.

    README.md                                        the card (`assets.datasets.card`)
    data/train-2026-11-21-00000-of-00001.parquet     one of `assets.formats`
    data/held_out-2026-11-21-00000-of-00001.parquet

Each refresh has its own files. So an export of a newer version does not change files of older
refreshes, unless a held-out row was removed.
"""

from functools import partial
from pathlib import Path

import polars as pl

from assets.config.errors import FactoryError
from assets.datasets.card import DatasetCardData, curated_card
from assets.execution.row_counts import count_reasons
from assets.export.messages import as_exported
from assets.export.shards import write_shards
from assets.export.writer import DATA, Exported, Writer, with_scores
from assets.project.dataset_plan import DatasetPlan
from assets.project.export_format import dataset_format
from assets.project.project import Project
from assets.storage.dataset_versions import SPLITS, Versions
from assets.storage.tables import Tables
from schemas import Pairs


def dataset_writer(
    project: Project, name: str, *, format: str | None = None, version: int | None = None
) -> Writer:
    """A function that writes a dataset into a folder.

    It is for `assets.export.writer.in_folder` and `assets.export.writer.on_hub`. It writes the
    columns of the format and of the table, and ``recipe``, ``refresh``, ``source`` and
    ``licence`` of each row. It raises `FactoryError` if there is no row to write.

    Args:
        project: The project.
        name: The name of the dataset.
        format: The name of a format; by default the one that fits the table.
        version: The number of a version; by default the newest.
    """
    return partial(_write, project, name, format=format, version=version)


def _write(
    project: Project,
    name: str,
    folder: Path,
    place: str,
    *,
    format: str | None,
    version: int | None,
) -> Exported:
    if name not in project.datasets:
        raise FactoryError(project.datasets.missing(name))
    plan = project.datasets[name]
    versions = Versions(project.settings.root_path, name)
    chosen = versions.version(version)
    shape_name, shape = dataset_format(name, plan.table, format)
    (rows,) = as_exported([_with_scores(project, plan, versions.read(chosen))])
    shaped = {
        split: shape.converters[plan.table](rows.filter(pl.col("split") == split).drop("split"))
        for split in SPLITS
        if chosen.rows(split)
    }
    left_out = pl.concat([part.dropped for part in shaped.values()]) if shaped else pl.DataFrame()
    kept = {split: part.kept for split, part in shaped.items() if part.kept.height}
    if not kept:
        why = f": {left_out.height:,} do not fit the format {shape_name}" if left_out.height else ""
        raise FactoryError(
            f"version {chosen.number} of datasets/{name} has no rows to export{why} (factory show "
            f"datasets/{name} shows what was dropped)"
        )
    for split, part in kept.items():
        for (refresh,), of_refresh in part.partition_by("refresh", as_dict=True).items():
            write_shards(of_refresh, folder / DATA, refresh=str(refresh), split=split)
    card = curated_card(
        DatasetCardData(
            project=project,
            plan=plan,
            version=chosen,
            dropped=versions.dropped(chosen),
            format_name=shape_name,
            format=shape,
            rows=kept,
            origins=rows.select("prompt_id", "source", "source_revision", "licence"),
            left_out=count_reasons(left_out) if left_out.height else {},
            place=place,
        )
    )
    card.save(folder / "README.md")
    return Exported(
        sum(part.height for part in kept.values()),
        shape.what,
        0,
        left_out.height,
        version=chosen.number,
    )


def _with_scores(project: Project, plan: DatasetPlan, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the scores of both sides to pairs, if a stage scored them. The order does not change."""
    if plan.table is not Pairs or rows.is_empty():
        return rows
    tables = Tables(project.settings.root_path)
    parts = []
    numbered = rows.with_row_index("row")
    for (recipe, refresh), part in numbered.partition_by("recipe", "refresh", as_dict=True).items():
        if recipe in plan.parts:
            stages = project.recipes[str(recipe)].planned(project.settings)
            stage = next(each for each in stages if each.name == plan.parts[str(recipe)])
            part = with_scores(tables, str(recipe), part, stage, stages, refresh=str(refresh))
        parts.append(part)
    return pl.concat(parts, how="diagonal").sort("row").drop("row")
