"""The rows of a version of a dataset, as parts to write."""

from functools import partial

import polars as pl

from assets.storage.dataset_versions import NewPart
from schemas import content_id


def new_parts(rows: pl.DataFrame) -> list[NewPart]:
    """The rows of each ``split`` and ``refresh``."""
    found = []
    for (split, refresh), part in rows.partition_by(
        "split", "refresh", as_dict=True, maintain_order=True
    ).items():
        made_by = content_id(part.write_ndjson())
        one = part.drop("split")
        read = partial(one.iter_slices, 2)
        found.append(NewPart(str(split), str(refresh), one.height, made_by, read))
    return found
