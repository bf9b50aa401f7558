"""A person's decisions about pairs, stored as `schemas.Scores`.

``reviews/<recipe>/<person>.parquet`` has two rows a decision: value 1 for the better response and 0
for the other, 0.5 for both if they are equally good, or null for both if the pair was rejected or
skipped. Each decision writes a temporary file, flushes it to the disk and renames it, so that a
crash loses no decision.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl
from upath import UPath

from assets.config.errors import FactoryError
from assets.storage.tables import read_table, write_whole
from engines.operators.reviews import PERSON, SKIP
from schemas import Scores, canonical, rows

Verdict = Literal["accept", "flip", "tie", "reject", "skip"]
Side = Literal["chosen", "rejected"]
SIDES: tuple[Side, Side] = ("chosen", "rejected")

_VALUES: Mapping[Verdict, Mapping[Side, float | None]] = {
    "accept": {"chosen": 1.0, "rejected": 0.0},
    "flip": {"chosen": 0.0, "rejected": 1.0},
    "tie": {"chosen": 0.5, "rejected": 0.5},
    "reject": {"chosen": None, "rejected": None},
    SKIP: {"chosen": None, "rejected": None},
}
_ERRORS: Mapping[Verdict, str] = {
    "reject": "the pair was rejected",
    SKIP: "the pair was skipped",
}
VERDICTS: tuple[Verdict, ...] = tuple(_VALUES)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Decision:
    """A decision about one pair: its label is right (accept), the other answer is better (flip),
    both are equally good (tie), the pair is unfit (reject), or the person did not decide (skip).
    ``left`` is the side that was shown on the left, ``seed`` what drew it, None if the decision is
    from a file, and ``at`` the time in UTC."""

    pair_id: str
    chosen_id: str
    rejected_id: str
    verdict: Verdict
    dataset: str
    refresh: str
    left: Side
    seed: int | None
    at: str
    comment: str = ""


class Decisions:
    """The decisions of one ``person`` about one recipe's pairs, oldest first.

    Raises:
        FactoryError: The name cannot be that of a file.
    """

    def __init__(self, reviews: UPath, recipe: str, person: str) -> None:
        if not is_name(person):
            raise FactoryError(name_rule(person))
        self.person = person
        self._path = reviews / recipe / f"{person}.parquet"
        self._decisions = list(_read(self._path)) if self._path.exists() else []

    def __iter__(self) -> Iterator[Decision]:
        return iter(self._decisions)

    def add(self, decision: Decision) -> None:
        """Save ``decision`` in place of an earlier one about the same pair. It is on the disk when
        this returns."""
        others = [earlier for earlier in self._decisions if earlier.pair_id != decision.pair_id]
        self._write([*others, decision])

    def add_all(self, decisions: Iterable[Decision]) -> None:
        """Save ``decisions``, at most one a pair, in place of earlier ones about the same pairs,
        all or none."""
        by_pair = {decision.pair_id: decision for decision in (*self._decisions, *decisions)}
        self._write(sorted(by_pair.values(), key=lambda each: each.at))

    def remove(self, pair_id: str) -> None:
        """Remove the decision about a pair."""
        self._write([earlier for earlier in self._decisions if earlier.pair_id != pair_id])

    def _write(self, decisions: Sequence[Decision]) -> None:
        records = [record for decision in decisions for record in _records(decision, self.person)]
        buffer = io.BytesIO()
        rows(Scores, records).write_parquet(buffer, compression="zstd")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, buffer.getvalue())
        self._decisions = list(decisions)


def is_name(person: str) -> bool:
    """Whether ``person`` can be a reviewer's name."""
    return _NAME.fullmatch(person) is not None


def name_rule(person: str) -> str:
    """Why ``person`` cannot be a reviewer's name."""
    return (
        f"{person!r} cannot be a reviewer's name: use letters, digits, '.', '_' and '-', "
        "and begin with a letter or digit"
    )


def reviewers(reviews: UPath, recipe: str) -> list[str]:
    """The names of the people with decisions about the recipe's pairs."""
    folder = reviews / recipe
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(
        name.removesuffix(".parquet")
        for name in names
        if name.endswith(".parquet") and not name.startswith(".")
    )


def _records(decision: Decision, person: str) -> Iterator[dict[str, Any]]:
    fields = asdict(decision)
    if not decision.comment:
        del fields["comment"]
    for side in SIDES:
        value = _VALUES[decision.verdict][side]
        yield {
            "response_id": fields[f"{side}_id"],
            "step": None,
            "annotator": f"{PERSON}{person}",
            "value": value,
            "raw": decision.verdict,
            "error": _ERRORS.get(decision.verdict),
            "origin": {
                "operator": "factory review",
                "model": None,
                "parameters": canonical({**fields, "side": side}),
                "seed": decision.seed,
                "parents": [decision.pair_id],
            },
        }


def _read(path: UPath) -> Iterator[Decision]:
    for parameters in read_table(path).select(pl.col("origin").struct.field("parameters"))[
        "parameters"
    ]:
        fields = json.loads(parameters)
        if fields.pop("side") == "chosen":
            yield Decision(**fields)
