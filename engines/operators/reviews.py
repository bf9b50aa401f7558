"""Where people's decisions about pairs lie, and how an operator reads them: `schemas.Scores` as
``<reviews>/<person>.parquet``, two rows a decision. ``factory review`` writes them
(`assets.review.decisions`)."""

import polars as pl

from engines.context import Context
from schemas import Scores, empty

PERSON = "person:"
"""What the name of an annotator who is a person begins with."""


def reviews(context: Context) -> pl.DataFrame:
    """What people said of the two responses of each pair that they decided on, in the recipe that
    ``context`` is of: 1 for the better one, 0 for the other, null for both of a rejected pair. Its
    ``origin`` has the pair for a parent. No rows where nobody has decided anything."""
    folder = context.reviews
    found = [empty(Scores)]
    if folder is not None and folder.is_dir():
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.endswith(".parquet") and not path.name.startswith("."):
                with path.open("rb") as file:
                    found.append(pl.read_parquet(file))
    return pl.concat(found)
