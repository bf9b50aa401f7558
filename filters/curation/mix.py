"""Rows of several sources in one order, mixed by weight."""

from collections.abc import Mapping

import polars as pl


def mix(
    sources: Mapping[str, pl.DataFrame], weights: Mapping[str, float], rows: int | None = None
) -> pl.DataFrame:
    """The first ``rows`` rows (all, if None) of ``sources``, interleaved in proportion to
    ``weights``; fewer where the sources hold fewer. Each source's own order is kept.

    Row k (0, 1, …) of a source with weight w stands at (k + ½) / w, and the rows with the lowest
    stands come first, ties in the order of ``sources``: Webster's apportionment. So the first N
    rows are always the beginning of the first M > N, which largest remainders would not promise.
    A source that is used up leaves the others in proportion.

    Raises ValueError if a source has no weight, a weight no source, or a weight is not above 0.
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
