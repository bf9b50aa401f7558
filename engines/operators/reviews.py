"""Reads people's decisions about pairs: `schemas.Scores` as ``<reviews>/<person>.parquet``, two
rows per decision. ``factory review`` writes them (`assets.review.decisions`)."""

from typing import Final

import polars as pl

from engines.context import Context
from schemas import Scores, empty

PERSON = "person:"
"""The prefix of an annotator's name for a person."""
SKIP: Final = "skip"
"""The ``raw`` of a decision by which a person left a pair undecided."""


def reviews(context: Context) -> pl.DataFrame:
    """People's scores of the two responses of each pair, in the recipe of ``context``.

    A score is 1 for the better response and 0 for the other, 0.5 for both if they are equally good,
    or null for both if the pair was rejected. Pairs that a person skipped have none. The pair is a
    parent in its ``origin``. Without decisions there are no rows.
    """
    folder = context.reviews
    frames = [empty(Scores)]
    if folder is not None and folder.is_dir():
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.endswith(".parquet") and not path.name.startswith("."):
                with path.open("rb") as file:
                    frames.append(pl.read_parquet(file))
    return pl.concat(frames).filter(pl.col("raw") != SKIP)
