"""Which prompts a refresh of a recipe works on: drawn from its sources by weight, each once.

Two recipes that draw as many prompts from the same sources on the same day get the same prompts, so
the second pays nothing for what the first asked. This day's prompts come first, and only when they
run out those of other refreshes that this recipe has not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.storage.tables import Tables
from filters.curation.mix import mix
from schemas import Split, dropped


@dataclass(frozen=True)
class PromptSample:
    """The prompts, those refused, how many each source gave, and what it said of itself when it was
    read (`schemas.Stamped`), where it can."""

    split: Split
    mixture: Mapping[str, Any]
    stamps: Mapping[str, str]

    @property
    def says(self) -> str:
        """Why there is no prompt."""
        held_out = self.split.dropped.height
        but = f", but {held_out:,} that are held out" if held_out else ""
        return f"no new prompts: earlier refreshes took all of {', '.join(self.mixture)}{but}"


def draw(
    tables: Tables,
    *,
    recipe: str,
    refresh: str,
    rows: int,
    weights: Mapping[str, float],
    held_out: pl.DataFrame,
) -> PromptSample:
    """At most ``rows`` prompts for one refresh of ``recipe``.

    ``weights``: by source, any positive numbers. A source that has too few leaves its place to the
    others. Held-out prompts are refused. Raises `FactoryError` if a source was never read.
    """
    stage = f"{recipe}/prompts"
    used = {
        taken
        for other in tables.refreshes((recipe, "prompts"))
        if other != refresh
        for taken in tables.read((recipe, "prompts"), other)["prompt_id"]
    }
    held = set(held_out["prompt_id"])
    offered: dict[str, pl.DataFrame] = {}
    refused = []
    taken: set[str] = set()
    for source in weights:
        found = _offered(tables, source, refresh=refresh)
        fresh = found.filter(~pl.col("prompt_id").is_in(used | taken))
        taken.update(fresh["prompt_id"])
        kept_out = fresh.filter(pl.col("prompt_id").is_in(held))
        refused.append(dropped(stage, "held out", list(kept_out["prompt_id"])))
        offered[source] = fresh.filter(~pl.col("prompt_id").is_in(held))
    # Interleaved, so that the prompts of a smaller draw are the first of a larger one.
    kept = mix(offered, weights, rows)
    given = dict(kept["source"].value_counts().iter_rows())
    mixture = {
        source: {
            "weight": weights[source],
            "rows": given.get(source, 0),
            "offered": offered[source].height,
        }
        for source in weights
    }
    told = {source: tables.about(("prompts", source), refresh) for source in weights}
    stamps = {source: about["stamp"] for source, about in told.items() if about.get("stamp")}
    return PromptSample(Split(kept, pl.concat(refused)), mixture, stamps)


def _offered(tables: Tables, source: str, *, refresh: str) -> pl.DataFrame:
    """All that the source has: this refresh's rows, then the others', the newest first."""
    refreshes = tables.refreshes(("prompts", source))
    if refresh not in refreshes:
        raise FactoryError(
            f"source {source!r} has not been read for refresh {refresh}: materialize "
            f"prompts/{source} for it, or use factory run, which does"
        )
    others = [other for other in reversed(refreshes) if other != refresh]
    frames = [tables.read(("prompts", source), each) for each in [refresh, *others]]
    return pl.concat(frames).unique("prompt_id", keep="first", maintain_order=True)
