"""The parts of a model's datasets that an ablation leaves out."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl

from assets.config.errors import FactoryError
from assets.datasets.splits import keys, shares
from assets.models.ablation.refiltered import without_filters
from assets.models.learned_rows import learned_rows, without_held_out
from assets.models.run import ModelRun
from assets.project.model_plan import ModelStage
from assets.project.project import Project
from assets.storage.dataset_versions import TRAIN, Versions
from schemas import columns

By = Literal["recipe", "source", "filter", "version", "size"]
"""What an ablation varies."""

FRACTIONS = {"1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2}
"""The shares of the rows of a curve over size, besides all rows."""

ALL = "all data"

Rows = Mapping[str, pl.DataFrame]
"""The learned rows of each training stage."""


@dataclass(frozen=True)
class Variant:
    """The data of one training.

    Attributes:
        name: Its name, such as ``without online_dpo``.
        rows: The learned rows of each training stage, with their provenance.
        left_out: What is left out; None if it is not a training without one part.
    """

    name: str
    rows: Rows
    left_out: str | None = None

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of the rows of each stage."""
        return {stage: rows_digest(rows) for stage, rows in self.rows.items()}


def all_data(run: ModelRun) -> Variant:
    """The data that the version of the model was trained on."""
    plan, factory = run.plan, run.factory
    return Variant(
        ALL,
        {
            stage.name: learned_rows(
                plan, stage, run.version, factory.settings, factory.tables
            ).learned
            for stage in plan.train
        },
    )


def variants(project: Project, run: ModelRun, by: By, all_rows: Variant) -> list[Variant]:
    """The data of the other trainings.

    Two variants with the same rows become one with both names. A variant without any row is left
    out: it is the start.

    Args:
        project: The project.
        run: The version of the model.
        by: What to vary.
        all_rows: The data of `all_data`.

    Raises:
        FactoryError: There is no part to leave out.
    """
    listed = {
        "recipe": lambda: _by_column(all_rows, "recipe", alone=True),
        "source": lambda: _by_column(all_rows, "source", alone=False),
        "filter": lambda: _by_filter(project, run, all_rows),
        "version": lambda: _by_version(run, all_rows),
        "size": lambda: _by_size(run, all_rows),
    }[by]()
    distinct: dict[str, Variant] = {}
    for each in listed:
        if not any(rows.height for rows in each.rows.values()):
            continue
        digest = "".join(each.digests.values())
        first = distinct.get(digest)
        distinct[digest] = each if first is None else _both(first, each)
    if not distinct:
        raise FactoryError(f"models/{run.plan.name}: {_NOTHING[by]}")
    return list(distinct.values())


_NOTHING = {
    "recipe": "its datasets have rows of one recipe only, so none can be left out",
    "source": "its datasets have prompts of one source only, so none can be left out",
    "filter": "its datasets have no filter that can be left out",
    "version": "its datasets have one version only",
    "size": "its datasets have too few rows for a curve over size",
}


def _both(one: Variant, other: Variant) -> Variant:
    left_out = [each.left_out for each in (one, other) if each.left_out is not None]
    return Variant(f"{one.name}, {other.name}", one.rows, ", ".join(left_out) or None)


def rows_digest(rows: pl.DataFrame) -> str:
    """A digest of the values of rows, in any order."""
    lines = sorted(rows.select(sorted(rows.columns)).write_ndjson().encode().splitlines())
    return hashlib.blake2b(b"\n".join(lines), digest_size=16).hexdigest()


def _by_column(all_rows: Variant, column: str, *, alone: bool) -> Iterator[Variant]:
    """Without each value of ``column``, and with ``alone`` that value only."""
    value = pl.col(column).fill_null("no source")
    names: dict[str, None] = {}
    for rows in all_rows.rows.values():
        names |= dict.fromkeys(rows.select(value.unique().sort()).to_series())
    for name in names:
        rest = {stage: rows.filter(value != name) for stage, rows in all_rows.rows.items()}
        yield Variant(f"without {name}", rest, name)
    for name in names if alone and len(names) > 1 else ():
        only = {stage: rows.filter(value == name) for stage, rows in all_rows.rows.items()}
        yield Variant(f"only {name}", only)


def _by_size(run: ModelRun, all_rows: Variant) -> Iterator[Variant]:
    """Shares of the rows. A smaller share is a part of a larger one."""
    for name, fraction in FRACTIONS.items():
        rows = {}
        for stage in run.plan.train:
            frame = all_rows.rows[stage.name]
            share = shares(keys(frame[_unit(stage)]))
            selected = frame.with_columns(share).sort("share").head(int(frame.height * fraction))
            rows[stage.name] = selected.drop("share")
        yield Variant(f"{name} of the rows", rows)


def _by_version(run: ModelRun, all_rows: Variant) -> Iterator[Variant]:
    """The other stored versions of each dataset."""
    for name in dict.fromkeys(_dataset(stage) for stage in run.plan.train):
        versions = Versions(run.factory.settings.root_path, name)
        for number in versions.numbers():
            if number == run.version.datasets[name].version:
                continue
            rows = versions.read(versions.version(number), TRAIN)
            yield Variant(f"datasets/{name}@{number}", _with_rows(run, all_rows, name, rows))


def _by_filter(project: Project, run: ModelRun, all_rows: Variant) -> Iterator[Variant]:
    """Each dataset curated again without each of its filters."""
    for name in dict.fromkeys(_dataset(stage) for stage in run.plan.train):
        number = run.version.datasets[name].version
        for label, rows in without_filters(project, name, number):
            yield Variant(f"without {label}", _with_rows(run, all_rows, name, rows), label)


def _with_rows(run: ModelRun, all_rows: Variant, dataset: str, rows: pl.DataFrame) -> Rows:
    """All data, with ``rows`` in place of those of one dataset."""
    factory = run.factory
    return {
        stage.name: (
            without_held_out(
                rows, run.plan, stage, run.version, factory.settings, factory.tables
            ).learned
            if _dataset(stage) == dataset
            else all_rows.rows[stage.name]
        )
        for stage in run.plan.train
    }


def table_rows(stage: ModelStage, rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of the table that a stage learns."""
    return rows.select(columns(stage.table).names())


def _dataset(stage: ModelStage) -> str:
    assert stage.dataset is not None
    return stage.dataset.name


def _unit(stage: ModelStage) -> str:
    return stage.table.primary_key()[0]
