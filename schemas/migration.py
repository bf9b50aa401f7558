"""Adds columns, and the fields of messages, to tables of older versions."""

from typing import TypeVar

import polars as pl

from schemas.accept import columns
from schemas.messages import MESSAGES, PLAIN_MESSAGES
from schemas.tables import (
    Checkpoints,
    Demonstrations,
    Evaluations,
    Nodes,
    Pairs,
    Prompts,
    Rankings,
    Responses,
    Scores,
    Table,
)

_ADDED: dict[type[Table], tuple[str, ...]] = {
    Prompts: ("task",),
    Responses: ("reasoning", "turns"),
    Scores: ("mass",),
    Evaluations: (
        "preference",
        "reward_before",
        "reward_after",
        "length_before",
        "length_after",
    ),
    Nodes: ("finish",),
    Rankings: ("ends",),
    Pairs: ("annotator",),
    Demonstrations: ("ends", "weight"),
    Checkpoints: ("chain_start",),
}
"""The nullable columns that were added to a table after the first version of its schema."""


Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def migrated(frame: Frame) -> Frame:
    """``frame`` with all columns of its table, before any other columns that it has, and all fields
    of its messages; new ones are null. Any other frame is returned unchanged."""
    stored = frame.collect_schema()
    plain = [name for name, dtype in stored.items() if dtype == PLAIN_MESSAGES]
    if plain:
        frame = frame.with_columns(pl.col(plain).cast(MESSAGES))
    for table, added in _ADDED.items():
        schema = columns(table)
        missing = set(schema) - set(stored)
        if missing and missing <= set(added):
            nulls = [pl.lit(None, schema[name]).alias(name) for name in sorted(missing)]
            return frame.with_columns(nulls).select(*schema, pl.exclude(*schema))
    return frame
