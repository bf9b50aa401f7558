"""How much of which recipe and source a dataset holds: shares and caps."""

from collections.abc import Mapping

import polars as pl

from assets.project.dataset import Cap
from filters.curation.mix import mix


def beyond(rows: pl.DataFrame, weights: Mapping[str, float] | None, cap: Cap) -> pl.DataFrame:
    """Which of ``rows`` (columns ``row``, ``recipe`` and ``source``, oldest first) there is no room
    for: ``row`` and ``reason``.

    With ``weights``, by recipe, as many rows stay as keep the recipes that have any in those
    proportions. Where ``cap.rows`` ends them, recipes are taken from in proportion (to 1 each, if
    there are no weights).
    """
    out: list[pl.DataFrame] = []

    def refuse(against: pl.DataFrame, reason: str) -> pl.DataFrame:
        out.append(against.select("row", reason=pl.lit(reason)))
        return rows.join(against, on="row", how="anti", maintain_order="left")

    for column, limits in (("source", cap.sources), ("recipe", cap.recipes)):
        for name, limit in limits.items():
            found = rows.filter(pl.col(column) == name)
            rows = refuse(found.slice(limit), f"over the cap of {column} {name}")
    if weights is not None:
        for name, limit in _proportional(rows, weights).items():
            found = rows.filter(pl.col("recipe") == name)
            rows = refuse(found.slice(limit), "over its share of the mixture")
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
    """How many rows of each recipe there is room for."""
    counts: dict[str, int] = dict(rows["recipe"].value_counts().iter_rows())
    if not counts:
        return {}
    limit = min(count / weights[name] for name, count in counts.items())
    # A product of a quotient may fall just below the whole number that it is.
    return {name: int(round(weights[name] * limit, 6)) for name in counts}
