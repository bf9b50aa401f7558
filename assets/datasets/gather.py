"""Gathers the rows of a dataset, from a stage of each recipe at every refresh."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl
from upath import UPath

from assets.project.dataset_plan import DatasetPlan
from assets.storage.tables import (
    GROUP,
    SLICE,
    Tables,
    file_digest,
    file_slices,
    query_files,
    table_files,
)
from schemas import columns, content_id

PROVENANCE = ("recipe", "refresh", "source", "source_revision", "licence")
"""The columns on the origin of a row, in addition to the columns of its table."""

ReadRows = Callable[[str, str, str], pl.DataFrame]
"""Reads the rows of a recipe, a stage and a refresh."""


@dataclass(frozen=True)
class Part:
    """The rows of a recipe at a refresh, or those of one file of them.

    Attributes:
        refresh: The refresh.
        digest: A digest of what the rows are read from.
        slices: Reads all rows in order, at most `SLICE` at a time: the columns of their table,
            `PROVENANCE` and ``task``, the text of the prompt's task. They are null for a prompt
            that is in no table of prompts.
        some: Reads the rows of some places, which ascend.
    """

    refresh: str
    digest: str
    slices: Callable[[], Iterator[pl.DataFrame]]
    some: Callable[[pl.Series], pl.DataFrame]

    def rows(self) -> pl.DataFrame:
        """All rows."""
        return pl.concat(self.slices())

    @classmethod
    def of(cls, frame: pl.DataFrame, refresh: str) -> "Part":
        """The rows of a frame."""
        return cls(refresh, "", partial(_frame_slices, frame), lambda places: frame[places])


def gathered(plan: DatasetPlan, tables: Tables, *, read: ReadRows | None = None) -> list[Part]:
    """The parts of a dataset's rows, oldest first.

    Args:
        plan: The plan of the dataset.
        tables: The stored tables.
        read: Reads the rows; by default the stored ones.
    """
    names = [*columns(plan.table), *PROVENANCE, "task"]
    found: list[Part] = []
    for recipe, stage in plan.parts.items():
        for refresh in tables.refreshes((recipe, stage)):
            origins = [
                tables.path((recipe, name), refresh)
                for name in plan.prompts[recipe]
                if refresh in tables.refreshes((recipe, name))
            ]
            origin = partial(_with_origins, recipe=recipe, refresh=refresh, origins=origins)
            if read is not None:
                frame = origin(read(recipe, stage, refresh)).select(names)
                found.append(Part.of(frame, refresh))
                continue
            digests = [file_digest(file) for path in origins for file in table_files(path)]
            for file in table_files(tables.path((recipe, stage), refresh)):
                digest = content_id(recipe, stage, refresh, file_digest(file), digests)
                slices = partial(_slices, file, origin, names)
                some = partial(_some, file, origin, names)
                found.append(Part(refresh, digest, slices, some))
    return sorted(found, key=lambda part: part.refresh)


def _with_origins(
    frame: pl.DataFrame, *, recipe: str, refresh: str, origins: Sequence[UPath]
) -> pl.DataFrame:
    """The rows with `PROVENANCE` and ``task``."""
    about = ("prompt_id", *PROVENANCE[2:], "task")
    asked = pl.Series("prompt_id", frame["prompt_id"].unique()).implode()

    def question(prompts: pl.LazyFrame) -> pl.LazyFrame:
        return prompts.select(about).filter(pl.col("prompt_id").is_in(asked))

    nothing = pl.DataFrame(schema=dict.fromkeys(about, pl.String))
    found = [query_files([file], question) for path in origins for file in table_files(path)]
    known = pl.concat([nothing, *found]).unique("prompt_id", keep="first", maintain_order=True)
    return frame.with_columns(recipe=pl.lit(recipe), refresh=pl.lit(refresh)).join(
        known, on="prompt_id", how="left", maintain_order="left"
    )


def _slices(
    file: UPath, origin: Callable[[pl.DataFrame], pl.DataFrame], names: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """All rows of a file, some at a time."""
    return (origin(frame).select(names) for frame in file_slices(file))


def _frame_slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    return (frame[start : start + SLICE] for start in range(0, max(frame.height, 1), SLICE))


def _some(
    file: UPath,
    origin: Callable[[pl.DataFrame], pl.DataFrame],
    names: Sequence[str],
    places: pl.Series,
) -> pl.DataFrame:
    """The rows of a file at some places. Only groups with one of them are read."""
    frames: list[pl.DataFrame] = []
    for group in (places // GROUP).unique().sort():
        wanted = places.filter(places // GROUP == group) - group * GROUP
        frames.append(query_files([file], partial(_group, group))[wanted])
    return origin(pl.concat(frames)).select(names)


def _group(number: int, rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.slice(number * GROUP, GROUP)
