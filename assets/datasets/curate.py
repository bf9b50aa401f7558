"""Selects the rows of a curated dataset, and gives a reason for each row that is dropped.

Rows come in an order, and most of what is decided about a row depends on this row and those before
it. Such decisions are stored (`assets.datasets.stored_decisions`), so a later refresh decides about
its own rows only. The rest is decided anew each time, about columns without texts: which prompts of
the held-out split are like one that is trained on, and which rows exceed the limits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from assets.datasets.decide import decided
from assets.datasets.filtering import filtered
from assets.datasets.gather import Part
from assets.datasets.mixture import beyond
from assets.datasets.rules import Rules
from assets.datasets.splits import REMEMBERED, split_by_key
from assets.storage.tables import SLICE
from schemas import Dropped, columns, dropped


@dataclass(frozen=True)
class Curated:
    """The result of a curation.

    Attributes:
        rows: The kept rows: their number ``row`` among all rows, ``recipe``, ``refresh``,
            ``prompt_id``, ``cluster`` (of their prompt) and ``split``.
        dropped: `schemas.Dropped` of all other rows.
        remembered: `assets.datasets.splits.REMEMBERED` with all prompts.
        decisions: The lasting decisions about the rows of each part, to be stored.
    """

    rows: pl.DataFrame
    dropped: pl.DataFrame
    remembered: pl.DataFrame
    decisions: Sequence[pl.DataFrame]


def curated(
    parts: Sequence[Part],
    rules: Rules,
    remembered: pl.DataFrame | None = None,
    known: Sequence[pl.DataFrame] = (),
) -> Curated:
    """Select the rows of a curated dataset. Every row is either kept or dropped.

    Args:
        parts: The rows, oldest first.
        rules: What decides.
        remembered: The stored splits of earlier prompts.
        known: The stored decisions about the first parts.
    """
    remembered = pl.DataFrame(schema=REMEMBERED) if remembered is None else remembered
    made: list[list[pl.DataFrame]] = [[frame] for frame in known]
    made += [[] for _ in parts[len(made) :]]
    for batch in _batches(parts, len(known)):
        before = [frame for part in made for frame in part]
        read = partial(_read, parts, [sum(frame.height for frame in part) for part in made])
        new, remembered = decided(
            pl.concat(rows for _, rows in batch), before, rules, remembered, read
        )
        start = 0
        for number, rows in batch:
            made[number].append(new[start : start + rows.height])
            start += rows.height
    return _finished(parts, rules, remembered, [pl.concat(part) for part in made])


def _batches(parts: Sequence[Part], first: int) -> Iterator[Sequence[tuple[int, pl.DataFrame]]]:
    """The rows of the parts from number ``first`` on, in batches of about `SLICE` rows, with the
    number of their part. A batch has rows of small parts together."""
    batch: list[tuple[int, pl.DataFrame]] = []
    for number, part in enumerate(parts[first:], first):
        for rows in part.slices():
            batch.append((number, rows))
            if sum(each.height for _, each in batch) >= SLICE:
                yield batch
                batch = []
    if batch:
        yield batch


def _read(parts: Sequence[Part], heights: Sequence[int], numbers: pl.Series) -> pl.DataFrame:
    """Rows of the parts by their numbers among the first rows of all parts.

    Args:
        parts: The parts.
        heights: How many rows of each part are numbered.
        numbers: The numbers, which ascend.
    """
    frames, start = [], 0
    for part, height in zip(parts, heights, strict=True):
        inside = numbers.filter(numbers.is_between(start, start + height, closed="left"))
        if len(inside):
            frames.append(part.some(inside - start))
        start += height
    return pl.concat(frames)


def _finished(
    parts: Sequence[Part],
    rules: Rules,
    remembered: pl.DataFrame,
    decisions: Sequence[pl.DataFrame],
) -> Curated:
    """What is decided anew each time."""
    stage = f"datasets/{rules.name}"
    nothing = dropped(stage, "", [])
    if not decisions:
        kept = pl.DataFrame(schema=dict.fromkeys(("row", *_SHOWN), pl.String))
        return Curated(kept, nothing, remembered, ())
    small = ("prompt_id", "recipe", "refresh", "source", "row_id", "key", "step", "reason")
    every = pl.concat(frame.select(*small, "numbers") for frame in decisions)
    prompts = pl.concat(
        frame.filter(pl.col("bands").is_not_null()).select("key", "joined") for frame in decisions
    )
    splits = split_by_key(prompts, remembered).select("key", "cluster", "split")
    every = every.with_row_index("row").join(splits, on="key", how="left", maintain_order="left")
    out: list[pl.DataFrame] = []

    def refuse(rows: pl.DataFrame, against: pl.DataFrame) -> pl.DataFrame:
        """Drop the rows in ``against`` (``row``, ``reason``, ``numbers``); return the others."""
        refused = rows.select("row", "row_id").join(against, on="row", maintain_order="left")
        out.append(refused.select("row_id", "reason", "numbers", stage=pl.lit(stage)))
        return rows.join(against, on="row", how="anti", maintain_order="left")

    again = every.filter(pl.col("step").is_not_null()).sort("step", maintain_order=True)
    rows = every.filter(pl.col("step").is_null())
    out.append(again.select("row_id", "reason", "numbers", stage=pl.lit(stage)))
    for each in rules.filters[len(rules.lasting) :]:
        texts = _texts_of(parts, rows["row"])
        against, _ = filtered(each, texts, rules, None, step=0, read=partial(_read, (), ()))
        rows = refuse(rows, against.rename({"place": "row"}))
    near = rows.filter(pl.col("split").is_null()).select(
        "row", reason=pl.lit("held out, and like a prompt that is trained on"), numbers=pl.lit("{}")
    )
    rows = refuse(rows, near)
    limited = beyond(rows, rules.weights, rules.cap).with_columns(numbers=pl.lit("{}"))
    rows = refuse(rows, limited)
    return Curated(
        rows.select("row", *_SHOWN),
        pl.concat(
            [
                nothing,
                *(part.select(columns(Dropped).names()).cast(columns(Dropped)) for part in out),
            ]
        ),
        remembered,
        decisions,
    )


_SHOWN = ("recipe", "refresh", "prompt_id", "cluster", "split")


def _texts_of(parts: Sequence[Part], numbers: pl.Series) -> pl.DataFrame:
    """All columns of some rows, with their number among all rows as ``place``."""
    rows = pl.concat(part.rows() for part in parts).with_row_index("place")
    return rows.filter(pl.col("place").is_in(numbers.implode()))
