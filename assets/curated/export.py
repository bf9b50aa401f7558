"""Writes a curated dataset as one that `datasets` opens and TRL trains on, with both its splits.

    README.md                                        the card (`assets.curated.card`)
    data/train-2026-11-21-00000-of-00001.parquet     one of `assets.formats`
    data/held_out-2026-11-21-00000-of-00001.parquet

A refresh has files of its own: a dataset that has grown changes none of those that were there, save
where a held-out row had to leave.
"""

from functools import partial
from pathlib import Path

import polars as pl

from assets.account import count_reasons
from assets.curated.card import Facts, curated_card
from assets.curated.planned import Planned
from assets.curated.versions import SPLITS, Versions
from assets.definitions import Floor
from assets.errors import FactoryError, near
from assets.export import DATA, Exported, Writer, with_scores
from assets.formats import fitting, format_of
from assets.shards import write_shards
from assets.tables import Tables
from schemas import Pairs


def dataset_writer(
    floor: Floor, name: str, *, format: str | None = None, version: int | None = None
) -> Writer:
    """Writes ``version`` (by default the newest) of the dataset ``name``, in ``format``; for
    `assets.export.in_folder` and `assets.export.on_hub`.

    Beside the format's columns: those of the table and ``recipe``, ``refresh``, ``source`` and
    ``licence`` of each row. It raises `FactoryError` if there is no row.
    """
    return partial(_write, floor, name, format=format, version=version)


def _write(
    floor: Floor,
    name: str,
    folder: Path,
    place: str,
    *,
    format: str | None,
    version: int | None,
) -> Exported:
    if name not in floor.datasets:
        raise FactoryError(f"there is no dataset {name!r}; {near(name, floor.datasets)}")
    plan = floor.datasets[name]
    versions = Versions(floor.settings.root_path, name)
    chosen = versions.version(version)
    shape_name, shape = format_of([plan.table], format)
    if plan.table not in shape.converters:
        raise FactoryError(
            f"datasets/{name} holds {plan.table.__name__}, which {shape_name} is not made from; "
            f"formats that fit it: {', '.join(fitting([plan.table]))}"
        )
    rows = _with_scores(floor, plan, versions.read(chosen))
    shaped = {
        split: shape.converters[plan.table](rows.filter(pl.col("split") == split).drop("split"))
        for split in SPLITS
        if chosen.rows(split)
    }
    left_out = pl.concat([part.dropped for part in shaped.values()]) if shaped else pl.DataFrame()
    kept = {split: part.kept for split, part in shaped.items() if part.kept.height}
    if not kept:
        why = f": {left_out.height:,} have no place in {shape_name}" if left_out.height else ""
        raise FactoryError(
            f"version {chosen.number} of datasets/{name} has no rows to export{why} (factory show "
            f"datasets/{name} says what was dropped)"
        )
    for split, part in kept.items():
        for (refresh,), of_refresh in part.partition_by("refresh", as_dict=True).items():
            write_shards(of_refresh, folder / DATA, refresh=str(refresh), split=split)
    card = curated_card(
        Facts(
            floor=floor,
            plan=plan,
            version=chosen,
            dropped=versions.dropped(chosen),
            format_name=shape_name,
            format=shape,
            rows=kept,
            told=rows.select("prompt_id", "source", "source_revision", "licence"),
            left_out=count_reasons(left_out) if left_out.height else {},
            place=place,
        )
    )
    card.save(folder / "README.md")
    return Exported(sum(part.height for part in kept.values()), shape.what, 0, left_out.height)


def _with_scores(floor: Floor, plan: Planned, rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` with what the stage that pairs were chosen by said of either side, where there is
    one; in their order."""
    if plan.table is not Pairs or rows.is_empty():
        return rows
    tables = Tables(floor.settings.root_path)
    parts = []
    numbered = rows.with_row_index("row")
    for (recipe, refresh), part in numbered.partition_by("recipe", "refresh", as_dict=True).items():
        if recipe in plan.parts:
            stages = floor.recipes[str(recipe)].planned(floor.settings)
            stage = next(each for each in stages if each.name == plan.parts[str(recipe)])
            part = with_scores(tables, str(recipe), part, stage, stages, refresh=str(refresh))
        parts.append(part)
    return pl.concat(parts, how="diagonal").sort("row").drop("row")
