"""What a person decided about pairs, kept as `schemas.Scores` the moment it is decided.

``reviews/<recipe>/<person>.parquet`` has two rows a decision: the better response's value is 1, the
other's 0, and both are null where the pair was rejected. A file is written beside its place,
flushed to the disk and renamed with every decision, so that a crash loses none.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl
from upath import UPath

from assets.config.errors import FactoryError
from assets.storage.tables import read_table, write_whole
from engines.operators.reviews import PERSON
from schemas import Scores, canonical, rows

Verdict = Literal["accept", "flip", "reject"]
Side = Literal["chosen", "rejected"]
SIDES: tuple[Side, Side] = ("chosen", "rejected")

_VALUES: Mapping[Verdict, Mapping[Side, float | None]] = {
    "accept": {"chosen": 1.0, "rejected": 0.0},
    "flip": {"chosen": 0.0, "rejected": 1.0},
    "reject": {"chosen": None, "rejected": None},
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Decision:
    """``verdict`` of one pair: its label is right (accept), the other answer is better (flip), or
    neither can be said (reject). ``left``: which side stood on the left; ``at``: when, in UTC."""

    pair_id: str
    chosen_id: str
    rejected_id: str
    verdict: Verdict
    dataset: str
    refresh: str
    left: Side
    seed: int
    at: str


class Decisions:
    """Those of one ``person`` about one recipe's pairs, oldest first.

    Raises `FactoryError` for a name that no file can have.
    """

    def __init__(self, reviews: UPath, recipe: str, person: str) -> None:
        if not _NAME.fullmatch(person):
            raise FactoryError(
                f"{person!r} cannot be a reviewer's name: letters, digits, '.', '_' and '-', "
                "starting with a letter or digit"
            )
        self.person = person
        self._path = reviews / recipe / f"{person}.parquet"
        self._made = list(_read(self._path)) if self._path.exists() else []

    def __iter__(self) -> Iterator[Decision]:
        return iter(self._made)

    def add(self, decision: Decision) -> None:
        """Keep ``decision``, instead of an earlier one about the same pair. It is on the disk when
        this returns."""
        others = [made for made in self._made if made.pair_id != decision.pair_id]
        self._write([*others, decision])

    def remove(self, pair_id: str) -> None:
        """Forget what was decided about a pair."""
        self._write([made for made in self._made if made.pair_id != pair_id])

    def _write(self, decisions: Sequence[Decision]) -> None:
        records = [record for made in decisions for record in _records(made, self.person)]
        buffer = io.BytesIO()
        rows(Scores, records).write_parquet(buffer, compression="zstd")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, buffer.getvalue())
        self._made = list(decisions)


def reviewers(reviews: UPath, recipe: str) -> list[str]:
    """Who has decided something about the recipe's pairs."""
    folder = reviews / recipe
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(
        name.removesuffix(".parquet")
        for name in names
        if name.endswith(".parquet") and not name.startswith(".")
    )


def _records(decision: Decision, person: str) -> Iterator[dict[str, Any]]:
    told = asdict(decision)
    for side in SIDES:
        value = _VALUES[decision.verdict][side]
        yield {
            "response_id": told[f"{side}_id"],
            "step": None,
            "annotator": f"{PERSON}{person}",
            "value": value,
            "raw": decision.verdict,
            "error": "the pair was rejected" if value is None else None,
            "origin": {
                "operator": "factory review",
                "model": None,
                "parameters": canonical({**told, "side": side}),
                "seed": decision.seed,
                "parents": [decision.pair_id],
            },
        }


def _read(path: UPath) -> Iterator[Decision]:
    for parameters in read_table(path).select(pl.col("origin").struct.field("parameters"))[
        "parameters"
    ]:
        told = json.loads(parameters)
        if told.pop("side") == "chosen":
            yield Decision(**told)
