"""Limits the rows of each recipe and source in a dataset, by weights and caps."""

from collections.abc import Mapping

import polars as pl

from assets.project.dataset import Cap
from filters.curation.mix import mix


def beyond(rows: pl.DataFrame, weights: Mapping[str, float] | None, cap: Cap) -> pl.DataFrame:
    """The rows that exceed the limits.

    Args:
        rows: Columns ``row``, ``recipe`` and ``source``, oldest first. The oldest rows are kept.
        weights: The weight of each recipe. The recipes with rows are kept in these proportions.
            None keeps all rows.
        cap: The largest numbers of rows. If ``cap.rows`` is exceeded, each recipe keeps rows in
            proportion to its weight (1 without weights).

    Returns:
        The columns ``row`` and ``reason``.
    """
    out: list[pl.DataFrame] = []

    def refuse(against: pl.DataFrame, reason: str) -> pl.DataFrame:
        out.append(against.select("row", reason=pl.lit(reason)))
        return rows.join(against, on="row", how="anti", maintain_order="left")

    for column, limits in (("source", cap.sources), ("recipe", cap.recipes)):
        for name, limit in limits.items():
            part = rows.filter(pl.col(column) == name)
            rows = refuse(part.slice(limit), f"over the cap of {column} {name}")
    if weights is not None:
        for name, limit in _proportional(rows, weights).items():
            part = rows.filter(pl.col("recipe") == name)
            rows = refuse(part.slice(limit), "over its share of the mixture")
    if cap.rows is not None and rows.height > cap.rows:
        parts = {
            str(name): part for (name,), part in rows.partition_by("recipe", as_dict=True).items()
        }
        names = sorted(parts)
        mixed = mix(
            {name: parts[name] for name in names},
            {name: 1.0 if weights is None else weights[name] for name in names},
        )
        rows = refuse(mixed.slice(cap.rows), "over the cap of rows")
    nothing = pl.DataFrame(schema={"row": rows.schema["row"], "reason": pl.String})
    return pl.concat([nothing, *out])


def _proportional(rows: pl.DataFrame, weights: Mapping[str, float]) -> dict[str, int]:
    """The largest number of rows of each recipe that keeps the proportions."""
    counts: dict[str, int] = dict(rows["recipe"].value_counts().iter_rows())
    if not counts:
        return {}
    limit = min(count / weights[name] for name, count in counts.items())
    # Floating point may give 2.9999999 for 3, so the product is rounded first.
    return {name: int(round(weights[name] * limit, 6)) for name in counts}
