"""Samples the prompts of a refresh from the recipe's sources, by weight and without repeats.

Two recipes that draw the same number of prompts from the same sources on the same day get the same
prompts. So answers that the first recipe paid for cost the second nothing. Prompts of this refresh
come first. After them come prompts of other refreshes that the recipe has not used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.storage.tables import Question, Tables
from filters.curation.mix import mix
from schemas import Split, dropped

NO_REFERENCE = "no reference, which the recipe needs"


@dataclass(frozen=True)
class PromptSample:
    """The sampled prompts of a refresh.

    Attributes:
        split: The kept and dropped prompts.
        mixture: The weight, the kept rows and the offered rows of each source.
        stamps: The stamp (`schemas.Stamped`) of each source that has one, from when it was read.
        taken: How many prompts of the sources other refreshes took.
    """

    split: Split
    mixture: Mapping[str, Any]
    stamps: Mapping[str, str]
    taken: int

    @property
    def says(self) -> str:
        """A sentence on why there is no prompt."""
        counts = self.split.dropped["reason"].value_counts(sort=True).iter_rows()
        of = ", ".join(self.mixture)
        refused = [f"{rows:,} dropped ({reason})" for reason, rows in counts]
        if not self.taken:
            return f"no new prompts of {of}: {', '.join(refused) or 'there are none'}"
        share = f"{self.taken:,}" if refused else "all"
        return "; ".join([f"no new prompts: other refreshes took {share} of {of}", *refused])


def draw(
    tables: Tables,
    *,
    recipe: str,
    refresh: str,
    rows: int,
    weights: Mapping[str, float],
    held_out: pl.DataFrame,
    referenced: frozenset[str] = frozenset(),
) -> PromptSample:
    """Draw the prompts of one refresh of a recipe.

    If a source has too few prompts, the other sources fill its share. Held-out prompts are
    dropped, and prompts without the reference that the recipe needs.

    Args:
        tables: The stored tables.
        recipe: The name of the recipe.
        refresh: The refresh.
        rows: The largest number of prompts.
        weights: The weight of each source; any positive numbers.
        held_out: The held-out prompts.
        referenced: The sources whose prompts need a reference.

    Raises:
        FactoryError: A source has not been read for this refresh.
    """
    stage = f"{recipe}/prompts"
    others = [each for each in tables.refreshes((recipe, "prompts")) if each != refresh]
    used = _ids(tables, (recipe, "prompts"), others)
    offered: dict[str, pl.DataFrame] = {}
    refused = []
    taken = used.clear()
    taken_before = [used.clear()]
    for source in weights:
        known = _ids(tables, ("prompts", source), _in_turn(tables, source, refresh=refresh))
        taken_before.append(known.join(used, on="prompt_id", how="semi"))
        fresh = _source_prompts(tables, source, pl.concat([used, taken]), refresh=refresh)
        taken = pl.concat([taken, fresh.select("prompt_id")])
        kept_out = fresh.join(held_out, on="prompt_id", how="semi", maintain_order="left")
        refused.append(dropped(stage, "held out", list(kept_out["prompt_id"])))
        offered[source] = fresh.join(held_out, on="prompt_id", how="anti", maintain_order="left")
        if source in referenced:
            unreferenced = offered[source].filter(pl.col("reference").is_null())
            refused.append(dropped(stage, NO_REFERENCE, list(unreferenced["prompt_id"])))
            offered[source] = offered[source].filter(pl.col("reference").is_not_null())
    # Sources are interleaved. So a smaller sample is the start of a larger one.
    kept = mix(offered, weights, rows)
    counts = dict(kept["source"].value_counts().iter_rows())
    mixture = {
        source: {
            "weight": weights[source],
            "rows": counts.get(source, 0),
            "offered": offered[source].height,
        }
        for source in weights
    }
    abouts = {source: tables.about(("prompts", source), refresh) for source in weights}
    stamps = {source: about["stamp"] for source, about in abouts.items() if about.get("stamp")}
    return PromptSample(
        Split(kept, pl.concat(refused)), mixture, stamps, pl.concat(taken_before).n_unique()
    )


def offered(tables: Tables, source: str, *, recipe: str, refresh: str, fixed: bool) -> pl.DataFrame:
    """The prompts of a source that a stage of a recipe can draw (`generators.Draw`): those that no
    earlier refresh of the recipe drew as ``prompts``.

    Args:
        tables: The stored tables.
        source: The name of the source.
        recipe: The name of the recipe.
        refresh: The refresh.
        fixed: Whether the source is the same at every refresh. Of another source, the prompts of
            this refresh come first.

    Raises:
        FactoryError: The source has not been read for this refresh.
    """
    key = (recipe, "prompts")
    used = _ids(tables, key, [each for each in tables.refreshes(key) if each < refresh])
    if not fixed:
        return _source_prompts(tables, source, used, refresh=refresh)
    return tables.query(("prompts", source), None, _without(used))


def _source_prompts(
    tables: Tables, source: str, used: pl.DataFrame, *, refresh: str
) -> pl.DataFrame:
    """The stored prompts of a source that are not ``used``, in the order of `_in_turn`."""
    refreshes = _in_turn(tables, source, refresh=refresh)
    frames = [tables.query(("prompts", source), each, _without(used)) for each in refreshes]
    return pl.concat(frames).unique("prompt_id", keep="first", maintain_order=True)


def _without(used: pl.DataFrame) -> Question:
    return lambda rows: rows.join(used.lazy(), on="prompt_id", how="anti", maintain_order="left")


def _in_turn(tables: Tables, source: str, *, refresh: str) -> list[str]:
    """The refreshes at which a source was read: this one, then earlier ones, the newest first, then
    later ones. So a later refresh changes nothing that this one has drawn."""
    refreshes = tables.refreshes(("prompts", source))
    if refresh not in refreshes:
        raise FactoryError(
            f"source {source!r} has not been read for refresh {refresh}: materialize "
            f"prompts/{source} for it, or use factory run, which does"
        )
    earlier = [each for each in reversed(refreshes) if each < refresh]
    return [refresh, *earlier, *(each for each in refreshes if each > refresh)]


def _ids(tables: Tables, key: tuple[str, str], refreshes: Sequence[str]) -> pl.DataFrame:
    """The column ``prompt_id`` of a table at some refreshes. The texts are not read."""
    frames = [
        tables.query(key, refresh, lambda rows: rows.select("prompt_id")) for refresh in refreshes
    ]
    return pl.concat([pl.DataFrame(schema={"prompt_id": pl.String}), *frames])
