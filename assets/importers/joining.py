"""Rows of an import that say the same become one, and what became of each is counted.

| table | rows of one | where they differ |
|---|---|---|
| prompts | the same messages | the first reference stands; a row with another is refused |
| responses | the same text, model and making | one with an id that another text has is refused |
| scores | the same response, step and annotator | the mean of the values |
| step labels | the same solution | the first stands; one with other labels is refused |
| demonstrations | the same conversation | — |
| pairs | the same two answers to a prompt | they are votes |

**Votes.** A vote for a side counts its weight for that side and the rest of 1 for the other; a tie
is half a vote for each. Where all votes are for one side, that is the chosen one, and the pair's
weight is the mean of theirs. Where they are for both, the side with more weight is the chosen one;
its share is the pair's weight and the mean margin of its votes the margin. Where both have as much,
neither is, and the pair is refused: no pair stands both ways round.
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
    columns,
    dropped,
)

WHERE, SAYS = "row of the file", "what it says"
"""Columns beside a table's own: the row's place, and what rows of one must agree in."""
BESIDE = {WHERE: pl.String(), SAYS: pl.String()}

UNITS: Mapping[type[Table], tuple[str, ...]] = {
    Prompts: ("prompt_id",),
    Responses: ("response_id",),
    Scores: ("response_id", "step", "annotator"),
    Pairs: ("pair_id",),
    StepLabels: ("response_id",),
    Demonstrations: ("demonstration_id",),
}
"""What tells the rows of a table apart."""

DIFFERS: Mapping[type[Table], str] = {
    Responses: "another text has the same response_id",
    StepLabels: "the same solution with other labels",
}
TIE = "neither answer is preferred"
AS_MANY = "as many votes for the one answer as for the other"


@dataclass(frozen=True)
class Joined:
    """What was kept and refused, and how many rows were joined with one that was kept."""

    split: Split
    joined: int


def joined_rows(table: type[Table], frame: pl.DataFrame, *, stage: str) -> Joined:
    """The rows of ``frame`` (of ``table``, with the columns of `BESIDE`), each once.

    Rows in = kept + refused + joined. A refused row is named by its place in the file.
    """
    if table is Pairs:
        once, odd = _voted(frame, stage)
    elif table is Prompts:
        once, odd = _referred(frame, stage)
    elif table is Scores:
        once, odd = _averaged(frame), []
    else:
        once, odd = _agreed(table, frame, stage)
    split = accept(table, once.select(columns(table).names()), stage=stage, unit=UNITS[table][0])
    # A broken rule names the row by its id: its place says more.
    places = {} if split.dropped.is_empty() else dict(once.select(UNITS[table][0], WHERE).rows())
    named = split.dropped.with_columns(pl.col("row_id").replace(places))
    refused = pl.concat([*odd, named])
    return Joined(Split(split.kept, refused), frame.height - split.kept.height - refused.height)


def _referred(frame: pl.DataFrame, stage: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    known = (
        frame.filter(pl.col("reference").is_not_null())
        .group_by("prompt_id", maintain_order=True)
        .agg(pl.col("reference").first().alias("known"))
    )
    told = frame.join(known, on="prompt_id", how="left", maintain_order="left")
    other = told.filter(pl.col("reference") != pl.col("known"))
    once = told.unique("prompt_id", keep="first", maintain_order=True)
    reason = "the same prompt with another reference"
    return (
        once.with_columns(reference="known").drop("known"),
        [dropped(stage, reason, other[WHERE].to_list())],
    )


def _averaged(frame: pl.DataFrame) -> pl.DataFrame:
    # The mean of equal numbers can be another number by a rounding.
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
    first = pl.col(SAYS).first().over(UNITS[table])
    other = frame.filter(pl.col(SAYS) != first)
    odd = [dropped(stage, DIFFERS[table], other[WHERE].to_list())] if table in DIFFERS else []
    return frame.unique(UNITS[table], keep="first", maintain_order=True), odd


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
    """One pair of all votes about the same two answers; see the module's words."""
    polls: dict[tuple[str, ...], list[_Vote]] = {}
    slim = frame.select(WHERE, SAYS, "weight", "margin", "prompt_id", "chosen", "rejected")
    for place, (where, says, weight, margin, asked, *both) in enumerate(slim.iter_rows()):
        one, other = (messages[-1]["content"] for messages in both)
        vote = _Vote(
            place, where, (one, other), says == "tie", weight, margin, own_id=says == "own"
        )
        polls.setdefault((asked, *sorted((one, other))), []).append(vote)
    kept: list[tuple[int, float, float | None]] = []
    refused: dict[str, list[str]] = {TIE: [], AS_MANY: []}
    for votes in polls.values():
        for_sides = {vote.sides for vote in votes if not vote.tie}
        if len(for_sides) == 1 and all(vote.own_id for vote in votes):
            # Rows of an export that differ in their ids are as many pairs.
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
    """The first vote for the side that wins, the pair's weight and its margin."""
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
    """The values of `BESIDE`."""
    return {WHERE: where, SAYS: str(says)}
