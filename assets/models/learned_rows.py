"""The rows that a downstream model learns: the train split of a dataset, and nothing held out."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from assets.config.settings import Settings
from assets.datasets.decide import asked_texts
from assets.datasets.splits import keys
from assets.project.model_plan import ModelPlan, ModelStage
from assets.storage.dataset_versions import HELD_OUT, TRAIN, Versions
from assets.storage.model_versions import ModelVersion
from assets.storage.tables import Tables
from filters.curation.texts import conversation_text
from schemas import dropped


@dataclass(frozen=True)
class LearnedRows:
    """The train split of a dataset.

    Attributes:
        rows: All its rows.
        learned: The rows that are learned.
        dropped: `schemas.Dropped` of the others.
    """

    rows: pl.DataFrame
    learned: pl.DataFrame
    dropped: pl.DataFrame


def learned_rows(
    plan: ModelPlan, stage: ModelStage, version: ModelVersion, settings: Settings, tables: Tables
) -> LearnedRows:
    """Read the rows that a training stage learns.

    Raises:
        MissingTableError: A dataset has not that version any more, or a source was not read.
    """
    assert stage.dataset is not None
    rows = read_split(settings, stage.dataset.name, version, TRAIN)
    return without_held_out(rows, plan, stage, version, settings, tables)


def without_held_out(
    rows: pl.DataFrame,
    plan: ModelPlan,
    stage: ModelStage,
    version: ModelVersion,
    settings: Settings,
    tables: Tables,
) -> LearnedRows:
    """Drop the rows whose prompt is held out.

    A prompt is held out if it is in the held-out split of any dataset of the model, or in a fixed
    source that the model or its datasets are evaluated on. Prompts are compared by their id and by
    their words.

    Raises:
        MissingTableError: A dataset has not that version any more, or a source was not read.
    """
    ids: dict[str, str] = {}
    texts: dict[str, str] = {}
    for ref in plan.datasets:
        held_out = read_split(settings, ref.name, version, HELD_OUT)
        if held_out.is_empty():
            continue
        place = f"datasets/{ref.name}"
        _add(ids, held_out["prompt_id"], place)
        _add(texts, keys(asked_texts(held_out)), place)
    for source in plan.sources:
        prompts = tables.read(("prompts", source), None)
        _add(ids, prompts["prompt_id"], source)
        _add(texts, keys(prompts.select(conversation_text(pl.col("messages"))).to_series()), source)
    (unit,) = stage.table.primary_key()
    marked = rows.select(
        unit,
        place=pl.coalesce(
            pl.col("prompt_id").replace_strict(ids, default=None, return_dtype=pl.String),
            keys(asked_texts(rows)).replace_strict(texts, default=None, return_dtype=pl.String),
        ),
    )
    held_rows = marked.filter(pl.col("place").is_not_null())
    reasons = [
        dropped(stage.name, f"its prompt is held out in {place}", part[unit].to_list())
        for (place,), part in held_rows.partition_by(
            "place", as_dict=True, maintain_order=True
        ).items()
    ]
    return LearnedRows(
        rows,
        rows.join(held_rows, on=unit, how="anti", maintain_order="left"),
        pl.concat([dropped(stage.name, "", []), *reasons]),
    )


def read_split(settings: Settings, name: str, version: ModelVersion, split: str) -> pl.DataFrame:
    """The rows of one split of a dataset, at the version that the model's version names."""
    versions = Versions(settings.root_path, name)
    return versions.read(versions.version(version.datasets[name].version), split)


def _add(places: dict[str, str], names: Iterable[str], place: str) -> None:
    for name in names:
        places.setdefault(name, place)
