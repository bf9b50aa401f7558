"""Compares two versions of curated datasets."""

from collections.abc import Iterator, Mapping

import polars as pl

import schemas
from assets.comparing.comparison import Comparison, Levels, Setting, Shared, differing
from assets.comparing.distributions import distributions
from assets.comparing.parameters import flat
from assets.comparing.rows import rows_in_common
from assets.comparing.sides import Side
from assets.execution.row_counts import RowCounts
from assets.project.project import Project
from assets.report.funnel import Level
from assets.storage.dataset_versions import HELD_OUT, TRAIN, Version, Versions
from schemas import Table


def compare_datasets(project: Project, first: Side, second: Side) -> Comparison:
    """Compare the rows of two versions, of one dataset or of two.

    Args:
        project: The project.
        first: A version of a dataset.
        second: Another version.

    Raises:
        MissingTableError: A file of a version is missing.
    """
    stored = [Versions(project.settings.root_path, side.name) for side in (first, second)]
    one, other = (
        versions.version(int(side.at))
        for versions, side in zip(stored, (first, second), strict=True)
    )
    rows = stored[0].read(one), stored[1].read(other)
    parts, _ = differing(*(_parts(frame) for frame in rows))
    parameters, alike = differing(*(_parameters(version) for version in (one, other)))
    same_table = one.table == other.table
    table = table_of(one)
    return Comparison(
        "datasets",
        (first.full, second.full),
        facts=[
            Setting("made", (one.made, other.made)),
            Setting("table", (one.table, other.table)),
            Setting("train rows", (f"{one.rows(TRAIN):,}", f"{other.rows(TRAIN):,}")),
            Setting("held-out rows", (f"{one.rows(HELD_OUT):,}", f"{other.rows(HELD_OUT):,}")),
            *parts,
        ],
        funnel=[Levels("all rows", (_level(one), _level(other)))],
        shared=list(shared_by_split(table, *rows)) if same_table else [],
        distributions=list(distributions("all rows", table, *rows)) if same_table else [],
        parameters=parameters,
        alike=alike,
    )


def shared_by_split(
    table: type[Table], first: pl.DataFrame, second: pl.DataFrame, *, of: str = ""
) -> Iterator[Shared]:
    """The rows in common in each split, and between the train and the held-out split.

    ``of``: what the rows are of, before the name of the split.
    """
    for name, one, other in (
        ("train", TRAIN, TRAIN),
        ("held out", HELD_OUT, HELD_OUT),
        ("train, then held out", TRAIN, HELD_OUT),
        ("held out, then train", HELD_OUT, TRAIN),
    ):
        frames = [
            frame.filter(pl.col("split") == split)
            for frame, split in zip((first, second), (one, other), strict=True)
        ]
        shared = rows_in_common(f"{of} {name}".strip(), table, *frames)
        if shared is not None and (one == other or shared.common):
            yield shared


def table_of(version: Version) -> type[Table]:
    """The table of the rows of a version."""
    table: type[Table] = getattr(schemas, version.table)
    return table


def _level(version: Version) -> Level:
    dropped: Mapping[str, int] = version.about["dropped"]
    counts = RowCounts("rows", version.about["in"], version.rows(), dropped, {})
    return Level("all rows", "", version.table, version.rows(), counts, (), False)


def _parts(rows: pl.DataFrame) -> dict[str, str]:
    """The number of rows of each recipe, source and refresh."""
    if rows.is_empty():
        return {}
    return {
        f"rows of {column} {value or 'unknown'}": f"{count:,}"
        for column in ("recipe", "source", "refresh")
        for value, count in rows.group_by(column, maintain_order=True).len().iter_rows()
    }


def _parameters(version: Version) -> dict[str, str]:
    kept = ("in", "dropped")
    return dict(flat({k: v for k, v in version.about.items() if k not in kept}, "dataset"))
