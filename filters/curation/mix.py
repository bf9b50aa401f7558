"""Interleaves the rows of several sources by weight."""

from collections.abc import Mapping

import polars as pl


def mix(
    sources: Mapping[str, pl.DataFrame], weights: Mapping[str, float], rows: int | None = None
) -> pl.DataFrame:
    """Interleave the rows of ``sources`` in proportion to ``weights``.

    Row k (0, 1, …) of a source with weight w has the position (k + ½) / w. Rows are sorted by
    position; ties are in the order of ``sources`` (Webster's apportionment). So the first N rows
    are always the beginning of the first M > N rows, which largest remainders does not guarantee.
    After a source is used up, the others keep their proportions.

    Args:
        sources: the rows of each source, whose order is kept.
        weights: the weight of each source, above 0.
        rows: the number of rows to return; None for all. Fewer are returned if the sources have
            fewer.

    Raises:
        ValueError: a source has no weight, a weight has no source, or a weight is not above 0.
    """
    if set(sources) != set(weights):
        raise ValueError(
            f"weights are given for {sorted(weights)}, but the sources are {sorted(sources)}: "
            "give each source one weight"
        )
    wrong = {name: weight for name, weight in weights.items() if not 0 < weight < float("inf")}
    if wrong:
        raise ValueError(f"a weight must be a number above 0, got {wrong}")
    if not sources:
        raise ValueError("there is no source to mix")
    standing = [
        frame.with_columns(
            ((pl.int_range(pl.len()) + 0.5) / weights[name]).alias("__stand"),
            pl.lit(place).alias("__source"),
        )
        for place, (name, frame) in enumerate(sources.items())
    ]
    mixed = pl.concat(standing).sort("__stand", "__source", maintain_order=True)
    mixed = mixed.drop("__stand", "__source")
    return mixed if rows is None else mixed.head(rows)
