"""Rows that say again what an earlier row says."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from filters.candidates import Candidates
from filters.filter import Filter, own_id, refused, table_of
from filters.ngrams import TOKENS, Runs, hashed, runs, tokens
from schemas import Demonstrations, Pairs, Prompts, Responses, Split, StepLabels, Table, Takes

SHINGLE = 3


class Deduplicate(Filter):
    """Keeps the first of rows that say the same or nearly so, and drops the others.

    Texts are alike to the Jaccard similarity of their sets of three tokens in a row (words and
    signs, in lower case). A row is a duplicate if it is alike to an earlier kept row by
    ``threshold`` or more in *every* part: a pair in prompt, chosen and rejected; a demonstration
    or a solution with judged steps in prompt and answer; a prompt in system message and the rest.
    So a long common prompt does not make two short answers duplicates. ``threshold`` 1 drops only
    rows with the same tokens.

    ``scope`` ``prompt`` compares rows of one prompt only. Which rows are kept follows their order.

    Candidates are found by MinHash, then confirmed by their exact similarity: what is dropped is
    a duplicate, but of those just above the threshold about one in a thousand is overlooked.
    Among at most 64 rows (or within a prompt of so few) all are compared, and none is.

    Source: Lee et al. 2022, Deduplicating Training Data Makes Language Models Better
    (arXiv:2107.06499), NearDup.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Prompts, Responses, Pairs, StepLabels, Demonstrations)]
    threshold: float = Field(default=0.8, gt=0, le=1)
    scope: Literal["all", "prompt"] = "all"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        frame = tables[self.of]
        table = table_of(frame)
        if table is Prompts and self.scope == "prompt":
            raise ValueError(
                f"Deduplicate of {self.of!r}: every prompt is the only one of its prompt, so "
                "'scope: prompt' compares nothing; use 'scope: all'"
            )
        texts = [frame.select(part).to_series() for part in _parts(table)]
        spoken = [tokens(part, TOKENS) for part in texts]
        groups = np.zeros(frame.height, dtype=np.int64)
        if self.scope == "prompt":
            groups = (frame["prompt_id"].rank("dense").cast(pl.Int64) - 1).to_numpy()
        firsts = _first_with_the_same(spoken, groups)
        original, similarity = firsts.copy(), np.ones(frame.height)
        if self.threshold < 1:
            # Copies of a row share its fate, so only the first of them is looked at.
            once = np.flatnonzero(firsts == np.arange(frame.height))
            near, near_similarity = _near(
                [hashed(part.gather(once)) for part in spoken], groups[once], self.threshold
            )
            found = once[near] != once
            original[once[found]] = once[near[found]]
            similarity[once[found]] = near_similarity[found]
            copied = original[firsts] != firsts
            original[copied], similarity[copied] = (
                original[firsts[copied]],
                similarity[firsts[copied]],
            )
        unit = own_id(table)
        again = original != np.arange(frame.height)
        judged = frame.select(unit).with_columns(
            duplicate_of=frame[unit].gather(original),
            similarity=pl.Series(similarity),
            exact=pl.Series(firsts == original),
        )
        return Split(
            frame.filter(pl.Series(~again)),
            refused(
                judged.filter(pl.Series(again)),
                unit,
                pl.when("exact")
                .then(pl.lit("same text"))
                .otherwise(pl.lit("nearly the same text")),
                duplicate_of=pl.col("duplicate_of"),
                similarity=pl.col("similarity"),
            ),
        )


def _parts(table: type[Table]) -> Sequence[pl.Expr]:
    """The texts of a row that must all be alike."""
    if table is Responses:
        return [pl.col("text")]
    if table is Pairs:
        return [_contents(pl.col(column)) for column in ("prompt", "chosen", "rejected")]
    if table is StepLabels:
        return [_contents(pl.col("prompt")), pl.col("completions").list.join("")]
    messages = pl.col("messages")
    if table is Demonstrations:
        return [
            _contents(messages.list.head(messages.list.len() - 1)),
            _contents(messages.list.tail(1)),
        ]
    system = pl.element().struct.field("role") == "system"
    return [
        _contents(messages.list.eval(pl.element().filter(system))),
        _contents(messages.list.eval(pl.element().filter(~system))),
    ]


def _contents(messages: pl.Expr) -> pl.Expr:
    return messages.list.eval(pl.element().struct.field("content")).list.join("\n")


def _first_with_the_same(spoken: Sequence[pl.Series], groups: np.ndarray) -> np.ndarray:
    """For each row the number of the first row of its group with the same tokens."""
    columns = {f"part {number}": part.list.join(" ") for number, part in enumerate(spoken)}
    frame = pl.DataFrame({**columns, "group": groups}).with_row_index("row")
    return frame.select(pl.col("row").min().over("group", *columns)).to_series().to_numpy().copy()


def _near(
    parts: Sequence[Runs], groups: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each row the earlier kept row it is a near duplicate of (itself if none), and how alike
    the two are. Rows are looked at in order, and compared with earlier kept rows in theirs."""
    shingles = [runs(part, SHINGLE, whole=True) for part in parts]
    original, similarity = np.arange(len(groups)), np.ones(len(groups))
    candidates = Candidates(shingles, groups, threshold)
    known: dict[int, list[set[int]]] = {}

    def sets(row: int) -> list[set[int]]:
        if row not in known:
            known[row] = [set(part.of(row).tolist()) for part in shingles]
        return known[row]

    for row in candidates.shared:
        for earlier in candidates.kept_before(row):
            alike = min(map(_jaccard, sets(row), sets(earlier)))
            if alike >= threshold:
                original[row], similarity[row] = earlier, alike
                known.pop(row)
                break
        else:
            candidates.keep(row)
    return original, similarity


def _jaccard(one: set[int], other: set[int]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)
