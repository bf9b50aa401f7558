"""Curations of made-up rows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.datasets.curate import Curated, curated
from assets.datasets.gather import PROVENANCE, Part
from assets.datasets.rules import Rules
from filters import Decontaminate, Deduplicate
from schemas import Pairs, Prompts, columns, prompt_id, rows

FILTERS = [
    Deduplicate(of="rows"),
    Decontaminate(of="prompts", against=("held_out",), n=6),
]
WORDS = ("how", "many", "red", "pears", "does", "ivy", "have", "if", "sam", "takes", "two", "away")


def asked(seed: int) -> str:
    """A prompt of twelve words of few; nearby seeds differ in one word, so clusters are common."""
    draw = random.Random(seed // 3)
    words = [draw.choice(WORDS) for _ in range(24)]
    words[seed % 3] = f"word{seed}"
    return " ".join(words)


def pair(seed: int, *, recipe: str = "one", refresh: str = "2026-01-01", source: str = "a") -> Any:
    messages = [{"role": "user", "content": asked(seed)}]
    said = {side: [{"role": "assistant", "content": f"{side} {seed}"}] for side in SIDES}
    return {
        "pair_id": f"{seed}",
        "prompt_id": prompt_id(messages),
        "prompt": messages,
        **said,
        "chosen_id": f"{seed}-c",
        "rejected_id": f"{seed}-r",
        "weight": 1.0,
        "recipe": recipe,
        "refresh": refresh,
        "source": source,
        "source_revision": "1",
        "licence": "CC0-1.0",
    }


SIDES = ("chosen", "rejected")
ABOUT = dict.fromkeys([*PROVENANCE, "task"], pl.String())
SCHEMA = pl.Schema({**columns(Pairs), **ABOUT})


def frame(records: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(records, schema=SCHEMA)


def held_out(*seeds: int) -> pl.DataFrame:
    told = {"source": "held", "source_revision": "1", "licence": "none"}
    said = [[{"role": "user", "content": asked(seed)}] for seed in seeds]
    return rows(
        Prompts, [{"prompt_id": prompt_id(each), "messages": each, **told} for each in said]
    )


@dataclass(frozen=True)
class Made:
    """A curation, and its kept rows with all columns."""

    curation: Curated
    rows: pl.DataFrame

    @property
    def dropped(self) -> pl.DataFrame:
        return self.curation.dropped


def by_refresh(gathered: pl.DataFrame) -> list[pl.DataFrame]:
    return gathered.sort("refresh", maintain_order=True).partition_by(
        "refresh", maintain_order=True
    )


def curation_of(
    records: list[Any] | pl.DataFrame,
    table: Any = Pairs,
    remembered: pl.DataFrame | None = None,
    known: Sequence[pl.DataFrame] = (),
    **changes: Any,
) -> Made:
    how: dict[str, Any] = {
        "filters": FILTERS,
        "evaluations": {"held_out": held_out(9_000)},
        "held_out": 0.4,
    }
    gathered = records if isinstance(records, pl.DataFrame) else frame(records)
    frames = by_refresh(gathered)
    parts = [Part.of(each, each["refresh"][0]) for each in frames]
    curation = curated(parts, Rules("mine", table, **{**how, **changes}), remembered, known)
    rows = pl.concat([gathered.clear(), *frames])[curation.rows["row"].cast(pl.UInt32)]
    return Made(curation, rows.with_columns(curation.rows["split"]))
