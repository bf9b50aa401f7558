"""Joins equal rows of an import into one row, and counts the kept, joined and refused rows.

| table | equal rows have | if they differ otherwise |
|---|---|---|
| prompts | the same messages | the first reference is kept; another reference is refused |
| responses | the same text, model and parameters | another text with the same id is refused |
| scores | the same response, step and annotator | the values are averaged |
| step labels | the same solution | the first is kept; other labels are refused |
| demonstrations | the same conversation | — |
| pairs | the same two answers to a prompt, and annotator | they are votes |

**Votes.** A vote of weight w counts w for its side and 1 − w for the other. A tie is half a vote
for each side. If all votes are for one side, that side is chosen, and the pair's weight is the
mean weight of the votes. If there are votes for both sides, the side with more weight is chosen;
the pair's weight is that side's share, and its margin is the mean margin of that side's votes. If
both sides have the same weight, the pair is refused. So no pair is kept in both directions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from schemas import (
    Demonstrations,
    Pairs,
    Prompts,
    Responses,
    Scores,
    Split,
    StepLabels,
    Table,
    accept,
    canonical,
    columns,
    dropped,
    messages_of,
)

WHERE, SAYS = "row of the file", "what it says"
"""Extra columns: the row's place in the file, and a value that equal rows must share."""
EXTRA_COLUMNS = {WHERE: pl.String(), SAYS: pl.String()}

UNITS: Mapping[type[Table], tuple[str, ...]] = {
    Prompts: ("prompt_id",),
    Responses: ("response_id",),
    Scores: ("response_id", "step", "annotator"),
    Pairs: ("pair_id",),
    StepLabels: ("response_id",),
    Demonstrations: ("demonstration_id",),
}
"""The columns that identify a row of each table."""

DIFFERS: Mapping[type[Table], str] = {
    Responses: "another text has the same response_id",
    StepLabels: "the same solution with other labels",
}
TIE = "neither answer is preferred"
AS_MANY = "as many votes for the one answer as for the other"


@dataclass(frozen=True)
class Joined:
    """The kept and refused rows, and how many rows were joined with a kept row."""

    split: Split
    joined: int


def joined_rows(table: type[Table], frame: pl.DataFrame, *, stage: str) -> Joined:
    """Join the equal rows of ``frame``: rows in = kept + refused + joined.

    Args:
        frame: Rows of ``table`` with the columns `EXTRA_COLUMNS`.
        stage: The name for the refused rows. Each is identified by its place in the file.
    """
    if table is Pairs:
        once, conflicts = _voted(frame, stage)
    elif table is Prompts:
        once, conflicts = _one_reference(frame, stage)
    elif table is Scores:
        once, conflicts = _averaged(frame), []
    else:
        once, conflicts = _agreed(table, frame, stage)
    split = accept(table, once.select(columns(table).names()), stage=stage, unit=UNITS[table][0])
    # `accept` names a refused row by its id. Its place in the file is more useful.
    places = {} if split.dropped.is_empty() else dict(once.select(UNITS[table][0], WHERE).rows())
    named = split.dropped.with_columns(pl.col("row_id").replace(places))
    refused = pl.concat([*conflicts, named])
    return Joined(Split(split.kept, refused), frame.height - split.kept.height - refused.height)


def _one_reference(frame: pl.DataFrame, stage: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Each prompt with its first reference, and the rows with another reference."""
    known = (
        frame.filter(pl.col("reference").is_not_null())
        .group_by("prompt_id", maintain_order=True)
        .agg(pl.col("reference").first().alias("known"))
    )
    joined = frame.join(known, on="prompt_id", how="left", maintain_order="left")
    other = joined.filter(pl.col("reference") != pl.col("known"))
    once = joined.unique("prompt_id", keep="first", maintain_order=True)
    reason = "the same prompt with another reference"
    return (
        once.with_columns(reference="known").drop("known"),
        [dropped(stage, reason, other[WHERE].to_list())],
    )


def _averaged(frame: pl.DataFrame) -> pl.DataFrame:
    """Each score once, with the mean of its values."""
    # The mean of equal numbers can differ from them by rounding.
    value = pl.col("value").drop_nulls()
    mean = pl.when(value.n_unique() == 1).then(value.first()).otherwise(value.mean())
    rest = [name for name in frame.columns if name not in (*UNITS[Scores], "value")]
    averaged = frame.group_by(UNITS[Scores], maintain_order=True).agg(
        mean.alias("value"), pl.col(rest).first()
    )
    return averaged.with_columns(error=pl.when(pl.col("value").is_null()).then("error"))


def _agreed(
    table: type[Table], frame: pl.DataFrame, stage: str
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The first of the equal rows, and those that contradict it."""
    first = pl.col(SAYS).first().over(UNITS[table])
    other = frame.filter(pl.col(SAYS) != first)
    conflicts = [dropped(stage, DIFFERS[table], other[WHERE].to_list())] if table in DIFFERS else []
    return frame.unique(UNITS[table], keep="first", maintain_order=True), conflicts


@dataclass(slots=True)
class _Vote:
    place: int
    where: str
    sides: tuple[str, str]
    tie: bool
    weight: float
    margin: float | None
    own_id: bool


def _voted(frame: pl.DataFrame, stage: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """One pair from all votes about the same two answers; see the module's docstring."""
    polls: dict[tuple[str | None, ...], list[_Vote]] = {}
    about = ("weight", "margin", "prompt_id", "annotator", "chosen", "rejected")
    rows = frame.select(WHERE, SAYS, *about).iter_rows()
    for place, (where, says, weight, margin, prompt, annotator, *both) in enumerate(rows):
        one, other = (canonical(messages_of(messages)) for messages in both)
        vote = _Vote(
            place, where, (one, other), says == "tie", weight, margin, own_id=says == "own"
        )
        polls.setdefault((prompt, annotator, *sorted((one, other))), []).append(vote)
    kept: list[tuple[int, float, float | None]] = []
    refused: dict[str, list[str]] = {TIE: [], AS_MANY: []}
    for votes in polls.values():
        for_sides = {vote.sides for vote in votes if not vote.tie}
        if len(for_sides) == 1 and all(vote.own_id for vote in votes):
            # Rows of an export keep their own ids, so each stays a pair.
            kept += [(vote.place, vote.weight, vote.margin) for vote in votes]
        elif not for_sides:
            refused[TIE] += [vote.where for vote in votes]
        elif (won := _elected(votes, for_sides)) is None:
            refused[AS_MANY] += [vote.where for vote in votes]
        else:
            kept.append(won)
    kept.sort()
    places, weights, margins = zip(*kept, strict=True) if kept else ((), (), ())
    once = frame[list(places)].with_columns(
        pl.Series("weight", weights, dtype=pl.Float64),
        pl.Series("margin", margins, dtype=pl.Float64),
    )
    once = once.unique("pair_id", keep="first", maintain_order=True)
    return once, [dropped(stage, reason, rows) for reason, rows in refused.items()]


def _elected(
    votes: Sequence[_Vote], for_sides: set[tuple[str, str]]
) -> tuple[int, float, float | None] | None:
    """The place of the first vote for the winning side, the pair's weight and margin. None for a
    tie."""
    ahead = next(vote.sides for vote in votes if not vote.tie)
    shares = [
        0.5 if vote.tie else vote.weight if vote.sides == ahead else 1 - vote.weight
        for vote in votes
    ]
    share = _mean(shares)
    if len(for_sides) > 1:
        if share == 0.5:
            return None
        if share < 0.5:
            ahead, share = (ahead[1], ahead[0]), 1 - share
    winning = [vote for vote in votes if not vote.tie and vote.sides == ahead]
    margins = [vote.margin for vote in winning if vote.margin is not None]
    return winning[0].place, share, _mean(margins) if margins else None


def _mean(values: Sequence[float]) -> float:
    return values[0] if len(set(values)) == 1 else sum(values) / len(values)


def extra_fields(where: str, says: Any = "") -> dict[str, str]:
    """The values of `EXTRA_COLUMNS`."""
    return {WHERE: where, SAYS: str(says)}
