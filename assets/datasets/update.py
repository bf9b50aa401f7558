"""Updates a curated dataset after a refresh: gathers and curates its rows, and stores a version."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import polars as pl

from assets.datasets.curate import Curated, curated
from assets.datasets.gather import Part, gathered
from assets.datasets.rules import Rules
from assets.datasets.stored_decisions import load_decisions, names, store_decisions
from assets.execution.row_counts import count_reasons
from assets.project.dataset_plan import DatasetPlan
from assets.storage.dataset_versions import SPLITS, NewPart, Version, Versions
from assets.storage.tables import SLICE, Tables
from schemas import content_id


@dataclass(frozen=True)
class Updated:
    """An update of a dataset.

    Attributes:
        came: How many rows the recipes have.
        known: About how many of them nothing new was decided.
        curation: The kept and dropped rows.
        version: The newest version.
        new: Whether it is a new one.
    """

    came: int
    known: int
    curation: Curated
    version: Version
    new: bool


def updated(plan: DatasetPlan, tables: Tables, versions: Versions) -> Updated:
    """Update a dataset from the stored tables of its recipes.

    Raises:
        MissingTableError: A source of evaluation prompts has not been read.
    """
    parts = gathered(plan, tables)
    rules = rules_of(plan, tables)
    remembered = versions.remembered()
    files = names(parts, rules)
    known = load_decisions(versions.folder, files, remembered)
    curation = curated(parts, rules, remembered, known)
    # The splits are stored before the version, so a crash in between does not lose them.
    if curation.remembered.height > remembered.height:
        versions.remember(curation.remembered)
    store_decisions(versions.folder, files, curation.decisions, known=len(known))
    came = sum(frame.height for frame in curation.decisions)
    version, new = versions.write(
        list(_new_parts(parts, curation)),
        curation.dropped,
        table=plan.table.__name__,
        about={
            "of": dict(plan.parts),
            "held_out": plan.held_out,
            "in": came,
            "dropped": count_reasons(curation.dropped),
        },
    )
    return Updated(came, sum(frame.height for frame in known), curation, version, new)


def rules_of(plan: DatasetPlan, tables: Tables) -> Rules:
    """What decides which rows a dataset has.

    Raises:
        MissingTableError: A source of evaluation prompts has not been read.
    """
    return Rules(
        name=plan.name,
        table=plan.table,
        filters=plan.filters,
        evaluations={
            name: tables.read(("prompts", source), None)
            for name, source in plan.evaluations.items()
        },
        held_out=plan.held_out,
        weights=plan.weights,
        cap=plan.cap,
    )


def _new_parts(parts: Sequence[Part], curation: Curated) -> Iterator[NewPart]:
    """The rows of each split and refresh, not read yet."""
    start = 0
    heights = [frame.height for frame in curation.decisions]
    numbered = zip(parts, heights, strict=True)
    for refresh, group in groupby(numbered, key=lambda each: each[0].refresh):
        its_parts, its_heights = zip(*group, strict=True)
        end = start + sum(its_heights)
        rows = curation.rows.filter(pl.col("row").is_between(start, end, closed="left"))
        for split in SPLITS:
            places = rows.filter(pl.col("split") == split)["row"] - start
            if len(places):
                chosen = hashlib.blake2b(places.to_numpy().tobytes()).hexdigest()
                digests = [each.digest for each in its_parts]
                yield NewPart(
                    split,
                    refresh,
                    len(places),
                    content_id(digests, chosen),
                    partial(_chosen, its_parts, its_heights, places),
                )
        start = end


def _chosen(
    parts: Sequence[Part], heights: Sequence[int], places: pl.Series
) -> Iterator[pl.DataFrame]:
    """The rows of some places among those of all ``parts``, at most `SLICE` at a time."""
    start = 0
    for part, height in zip(parts, heights, strict=True):
        inside = places.filter(places.is_between(start, start + height, closed="left")) - start
        for first in range(0, len(inside), SLICE):
            yield part.some(inside[first : first + SLICE]).drop("task")
        start += height
