"""Drops rows with the same or nearly the same text as an earlier row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from filters.curation.candidates import Candidates, Similarity
from filters.curation.formulas import formulas
from filters.curation.ngrams import TOKENS, Runs, hashed, runs, tokens
from filters.filter import Filter, refused
from schemas import (
    Demonstrations,
    Pairs,
    Prompts,
    Responses,
    Split,
    StepLabels,
    Table,
    Takes,
    contents,
    id_column,
)
from schemas.messages import offered_tools

SHINGLE = 3
AT_ONCE = 50_000
"""Rows that are tokenized at the same time."""


class Deduplicate(Filter):
    """Keeps the first of rows with the same or nearly the same text, and drops the others.

    The similarity of two texts is the Jaccard similarity of their sets of three consecutive tokens
    (words and signs, in lower case). A row is a duplicate if its similarity to an earlier kept row
    is at least ``threshold`` in *every* part: prompt, chosen and rejected of a pair; prompt and
    answer of a demonstration or of a solution with labelled steps; system message and the rest of a
    prompt. So a long common prompt does not make two short answers duplicates. ``threshold`` 1
    drops only rows with the same tokens.

    Rows with different numbers, signs or formulas are never duplicates, and neither are code with
    different indentation (`filters.curation.formulas`) and prompts with different references or
    tools.

    ``scope: prompt`` compares only rows of the same prompt. The order of the rows decides which are
    kept.

    Candidates are found by MinHash and confirmed by their exact similarity. So every dropped row is
    a duplicate, but about one in a thousand duplicates just above the threshold is missed. Among at
    most 64 rows (or within a prompt with at most 64 rows) all pairs are compared, and none is
    missed.

    Source: Lee et al. 2022, Deduplicating Training Data Makes Language Models Better
    (arXiv:2107.06499), NearDup.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Prompts, Responses, Pairs, StepLabels, Demonstrations)]
    threshold: float = Field(default=0.8, gt=0, le=1)
    scope: Literal["all", "prompt"] = "all"

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        if table is Prompts and self.scope == "prompt":
            raise ValueError(
                f"Deduplicate of {self.of!r}: prompts have no other row of the same prompt, so "
                "'scope: prompt' has no effect; use 'scope: all'"
            )
        texts = [frame.select(part).to_series() for part in _parts(table)]
        words, signs, shingles = _read(texts, shingled=self.threshold < 1)
        identity = _hashed([signs, *self._apart(frame)]).to_numpy()
        groups = np.unique(identity, return_inverse=True)[1]
        firsts = _first_with_the_same(words, groups)
        original, similarity = firsts.copy(), np.ones(frame.height)
        if self.threshold < 1:
            # Copies of a row are treated as the first of them, so only that one is compared.
            first_rows = np.flatnonzero(firsts == np.arange(frame.height))
            near, near_similarity = _near(shingles, groups, first_rows, self.threshold)
            original, similarity = near[firsts], near_similarity[firsts]
        unit = id_column(table)
        repeated = original != np.arange(frame.height)
        judged = frame.select(unit).with_columns(
            duplicate_of=frame[unit].gather(original),
            similarity=pl.Series(similarity),
            exact=pl.Series(firsts == original),
        )
        return Split(
            frame.filter(pl.Series(~repeated)),
            refused(
                judged.filter(pl.Series(repeated)),
                unit,
                pl.when("exact")
                .then(pl.lit("same text"))
                .otherwise(pl.lit("nearly the same text")),
                duplicate_of=pl.col("duplicate_of"),
                similarity=pl.col("similarity"),
            ),
        )

    def _apart(self, frame: pl.DataFrame) -> Iterator[pl.Series]:
        """Columns that make rows different even if their texts are the same."""
        if self.scope == "prompt":
            yield frame["prompt_id"]
        for chat in ("messages", "prompt"):
            if chat in frame.columns:
                yield frame.select(offered_tools(pl.col(chat))).to_series()
        if "reference" in frame.columns:
            yield frame["reference"].str.strip_chars()


def _parts(table: type[Table]) -> Sequence[pl.Expr]:
    """The texts of a row that must all be similar."""
    before = table.preceding_messages()
    return [*([] if before is None else [contents(before)]), *table.texts().values()]


def _read(
    texts: Sequence[pl.Series], *, shingled: bool
) -> tuple[pl.DataFrame, pl.Series, list[Runs]]:
    """Two hashes of each row's tokens in every part; a hash of its formulas; and, if ``shingled``,
    the shingles of each part.

    Rows are read in batches: the tokens of a million rows take gigabytes, their shingles 8 bytes
    each.
    """
    token_hashes: list[pl.DataFrame] = []
    signs: list[pl.Series] = []
    shingles: list[list[Runs]] = [[] for _ in texts]
    for start in range(0, max(1, len(texts[0])), AT_ONCE):
        batch = [part.slice(start, AT_ONCE) for part in texts]
        words = [tokens(part, TOKENS) for part in batch]
        joined_words = [part.list.join(" ") for part in words]
        token_hashes.append(
            pl.DataFrame({f"said {seed}": _hashed(joined_words, seed) for seed in (1, 2)})
        )
        signs.append(_hashed([formulas(part) for part in batch]))
        if shingled:
            for part, batches in zip(words, shingles, strict=True):
                batches.append(runs(hashed(part), SHINGLE, whole=True))
    return (
        pl.concat(token_hashes),
        pl.concat(signs),
        [Runs.joined(part) for part in shingles if part],
    )


def _hashed(columns: Sequence[pl.Series], seed: int = 0) -> pl.Series:
    """A hash of each row of ``columns``, the same within one process: UInt64."""
    named = [column.alias(str(number)) for number, column in enumerate(columns)]
    return pl.DataFrame(named).hash_rows(seed)


def _first_with_the_same(words: pl.DataFrame, groups: np.ndarray) -> np.ndarray:
    """For each row the number of the first row of its group with the same tokens."""
    frame = words.with_columns(group=groups).with_row_index("row")
    first = pl.col("row").min().over("group", *words.columns)
    return frame.select(first.cast(pl.Int64)).to_series().to_numpy().copy()


def _near(
    parts: Sequence[Runs], groups: np.ndarray, rows: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each row the earlier kept row of which it is a near duplicate (itself if none), and their
    similarity. Only ``rows`` are compared, in their order."""
    original, similarity = np.arange(len(groups)), np.ones(len(groups))
    candidates, exact = Candidates(parts, groups, rows, threshold), Similarity(parts)
    for row in candidates.shared:
        buckets = candidates.of(row)
        for earlier in candidates.kept_in(buckets):
            alike = exact.of(row, earlier)
            if alike >= threshold:
                original[row], similarity[row] = earlier, alike
                exact.forget(row)
                break
        else:
            candidates.keep(row, buckets)
    return original, similarity
