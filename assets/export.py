"""Writes what a recipe has made as a dataset that `datasets` opens and TRL trains on as it is.

All refreshes of the recipe become one Parquet file, with a dataset card that says what made it. The
folder appears whole or not at all.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assets.card import Facts, dataset_card
from assets.datasets import data_stage
from assets.definitions import Floor
from assets.errors import FactoryError
from assets.plan import Stage
from assets.tables import Tables
from schemas import Demonstrations, Pairs, Scores, Table

MARK = "preference-factory"
"""The card's tag that tells an export from a folder of the user's."""

NAMES: Mapping[type[Table], str] = {Pairs: "pairs", Demonstrations: "demonstrations"}


@dataclass(frozen=True)
class Exported:
    """What was written: how many rows, and what they are."""

    rows: int
    what: str


def export_recipe(floor: Floor, recipe: str, folder: Path) -> Exported:
    """Write the data of every refresh of ``recipe`` to ``folder``.

    Pairs have TRL's columns ``prompt``, ``chosen`` and ``rejected`` (lists of messages), and those
    of `schemas.Pairs` beside them; ``score_chosen`` and ``score_rejected`` where a stage scored
    them; ``refresh``, ``source`` and ``licence`` of each row. Raises `FactoryError` if there is no
    row, or if ``folder`` holds something else; nothing is written then.
    """
    name, table = data_stage(floor, recipe)
    tables = Tables(floor.settings.root_path)
    stages = floor.recipes[recipe].planned(floor.settings)
    stage = next(each for each in stages if each.name == name)
    refreshes = tables.refreshes((recipe, name))
    if not refreshes:
        raise FactoryError(f"{recipe} has not run yet; make its {name} with: factory run {recipe}")
    parts = [_part(tables, recipe, stage, stages, refresh=refresh) for refresh in refreshes]
    frame = pl.concat(parts)
    if frame.is_empty():
        raise FactoryError(
            f"{recipe} has no {name} to export: none of its {len(refreshes)} refreshes kept any "
            f"(factory show {recipe}/{name} and the stage's dropped rows say why)"
        )
    facts = Facts(
        recipe=floor.recipes[recipe],
        stages=stages,
        refreshes=refreshes,
        tables=tables,
        what=NAMES.get(table, name),
        rows=frame.height,
        mark=MARK,
    )
    with _whole(folder) as beside:
        (beside / "data").mkdir()
        frame.write_parquet(beside / "data" / "train-00000-of-00001.parquet", compression="zstd")
        dataset_card(facts, prompts=_prompts(tables, recipe, refreshes)).save(beside / "README.md")
    return Exported(frame.height, facts.what)


def _part(
    tables: Tables, recipe: str, stage: Stage, stages: list[Stage], *, refresh: str
) -> pl.DataFrame:
    """One refresh's rows, with what is known of their prompts and scores."""
    rows = tables.read((recipe, stage.name), refresh)
    told = tables.read((recipe, "prompts"), refresh).select("prompt_id", "source", "licence")
    rows = rows.join(told, on="prompt_id", how="left", maintain_order="left")
    if stage.gives is Pairs:
        rows = _with_scores(tables, recipe, rows, stage, stages, refresh=refresh)
    return rows.with_columns(refresh=pl.lit(refresh))


def _with_scores(
    tables: Tables,
    recipe: str,
    pairs: pl.DataFrame,
    stage: Stage,
    stages: list[Stage],
    *,
    refresh: str,
) -> pl.DataFrame:
    """``pairs`` with the mean score of either side, by the stage that the pairs were chosen by."""
    scoring = [each.name for each in stages if each.gives is Scores and each.name in stage.reads]
    if not scoring:
        return pairs
    scores = tables.read((recipe, scoring[0]), refresh).filter(pl.col("step").is_null())
    mean = scores.group_by("response_id").agg(pl.col("value").mean())
    for side in ("chosen", "rejected"):
        renamed = mean.rename({"response_id": f"{side}_id", "value": f"score_{side}"})
        pairs = pairs.join(renamed, on=f"{side}_id", how="left", maintain_order="left")
    return pairs


def _prompts(tables: Tables, recipe: str, refreshes: list[str]) -> pl.DataFrame:
    return pl.concat([tables.read((recipe, "prompts"), refresh) for refresh in refreshes])


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder beside ``folder`` to write into; it takes that name once all of it is on the disk.

    Raises `FactoryError` if what lies there is no earlier export.
    """
    place = folder.resolve()
    if place.exists() and any(place.iterdir() if place.is_dir() else [place]):
        card = place / "README.md"
        if not card.is_file() or MARK not in card.read_text(encoding="utf-8"):
            raise FactoryError(f"{folder} holds something else than an export: name another folder")
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    replaced = place.with_name(f".{place.name}.{os.getpid()}.old")
    place.parent.mkdir(parents=True, exist_ok=True)
    beside.mkdir()
    try:
        yield beside
        for file in _files(beside):
            _fsync(file)
        if place.exists():
            os.replace(place, replaced)
        os.replace(beside, place)
        _fsync(place.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def _files(folder: Path) -> list[Any]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
