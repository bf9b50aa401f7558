"""Exports a curated dataset, with both splits, in a format that `datasets` opens and TRL trains on.

    README.md                                        the card (`assets.datasets.card`)
    data/train-2026-11-21-00000-of-00001.parquet     one of `assets.formats`
    data/held_out-2026-11-21-00000-of-00001.parquet

Each refresh has its own files. So an export of a newer version does not change files of older
refreshes, unless a held-out row was removed.
"""

from collections import Counter
from functools import partial
from itertools import chain, groupby
from pathlib import Path

import polars as pl

from assets.config.errors import FactoryError
from assets.datasets.card import DatasetCardData, curated_card
from assets.execution.row_counts import count_reasons, most_first
from assets.export.card import for_card
from assets.export.messages import only_texts, plain
from assets.export.rows import marks_of, scored_by, with_marks, with_scores
from assets.export.shards import write_batches
from assets.export.writer import DATA, Exported, Writer
from assets.project.dataset_plan import DatasetPlan
from assets.project.export_format import dataset_format
from assets.project.project import Project
from assets.storage.dataset_versions import SPLITS, Versions
from assets.storage.tables import Tables
from schemas import Pairs

SCORES = ("score_chosen", "score_rejected")
ORIGINS = ("prompt_id", "source", "source_revision", "licence")


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
    texts = all(only_texts(rows) for part in chosen.parts for rows in versions.slices_of(part))
    counts: list[pl.DataFrame] = []
    shown: list[pl.DataFrame] = []
    origins: list[pl.DataFrame] = []
    left_out: Counter[str] = Counter()

    def converted(rows: pl.DataFrame, split: str) -> pl.DataFrame:
        rows = rows.drop("split")
        rows = _with_scores(project, plan, plain(rows) if texts else rows)
        shaped = shape.converters[plan.table](rows)
        shown.extend([] if shown or shaped.kept.is_empty() else [for_card(shaped.kept)])
        counts.append(_counted(shaped.kept, split))
        origins.append(rows.select(ORIGINS).unique(maintain_order=True))
        left_out.update(count_reasons(shaped.dropped))
        return shaped.kept

    for split in SPLITS:
        parts = [part for part in chosen.parts if part.split == split]
        if not parts:
            continue
        marks = marks_of(shape, plan.table, partial(versions.query, parts))
        if shape.one_row:
            slices = with_marks(chain.from_iterable(map(versions.slices_of, parts)), marks)
            for refresh, its_slices in groupby(slices, key=lambda rows: rows.item(0, "refresh")):
                kept = (converted(rows, split) for rows in its_slices)
                write_batches(kept, folder / DATA, refresh=refresh, split=split)
        else:
            (rows,) = with_marks([pl.concat(map(versions.rows_of, parts))], marks)
            together = converted(rows, split)
            for (refresh,), made in together.partition_by("refresh", as_dict=True).items():
                write_batches([made], folder / DATA, refresh=str(refresh), split=split)
    refused = left_out.total()
    count = sum(int(each["rows"].sum()) for each in counts)
    if not count:
        why = f": {refused:,} do not fit the format {shape_name}" if refused else ""
        raise FactoryError(
            f"version {chosen.number} of datasets/{name} has no rows to export{why} (factory show "
            f"datasets/{name} shows what was dropped)"
        )
    card = curated_card(
        DatasetCardData(
            project=project,
            plan=plan,
            version=chosen,
            format_name=shape_name,
            format=shape,
            rows=pl.concat(counts),
            shown=shown[0],
            origins=pl.concat(origins),
            left_out=most_first(left_out),
            place=place,
        )
    )
    card.save(folder / "README.md")
    return Exported(count, shape.what, 0, refused, version=chosen.number)


def _counted(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    """The number of rows by ``split`` and ``recipe``, null if the format has no such column."""
    recipe = pl.col("recipe") if "recipe" in rows.columns else pl.lit(None, pl.String)
    named = rows.select(split=pl.lit(split), recipe=recipe, one=pl.int_range(pl.len()))
    return named.group_by("split", "recipe").agg(rows=pl.len())


def _with_scores(project: Project, plan: DatasetPlan, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the scores of both sides to pairs, null if no stage scored them; to none, if no recipe
    has such a stage. The order does not change."""
    if plan.table is not Pairs:
        return rows
    tables = Tables(project.settings.root_path)
    stages = {recipe: project.recipes[recipe].planned(project.settings) for recipe in plan.parts}
    stage = {
        recipe: next(each for each in stages[recipe] if each.name == name)
        for recipe, name in plan.parts.items()
    }
    found = []
    numbered = rows.with_row_index("row")
    for (name, refresh), part in numbered.partition_by("recipe", "refresh", as_dict=True).items():
        recipe = str(name)
        if recipe in plan.parts:
            part = with_scores(
                tables, recipe, part, stage[recipe], stages[recipe], refresh=str(refresh)
            )
        found.append(part)
    scored = pl.concat(found, how="diagonal").sort("row").drop("row")
    if any(scored_by(stage[recipe], stages[recipe]) is not None for recipe in plan.parts):
        # Every file of the export has these columns.
        columns = [name for name in SCORES if name not in scored.columns]
        scored = scored.with_columns(pl.lit(None, pl.Float64).alias(name) for name in columns)
    return scored
