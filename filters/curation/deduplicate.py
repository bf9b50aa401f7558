"""Rows that say again what an earlier row says."""

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

SHINGLE = 3
AT_ONCE = 50_000
"""Rows that are read at the same time."""


class Deduplicate(Filter):
    """Keeps the first of rows that say the same or nearly so, and drops the others.

    Texts are alike to the Jaccard similarity of their sets of three tokens in a row (words and
    signs, in lower case). A row is a duplicate if it is alike to an earlier kept row by
    ``threshold`` or more in *every* part: a pair in prompt, chosen and rejected; a demonstration
    or a solution with judged steps in prompt and answer; a prompt in system message and the rest.
    So a long common prompt does not make two short answers duplicates. ``threshold`` 1 drops only
    rows with the same tokens.

    Rows whose numbers, signs and formulas differ are never duplicates, however alike their words
    are: neither are code with another indentation (`filters.curation.formulas`) and prompts with
    another ``reference``.

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

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        if table is Prompts and self.scope == "prompt":
            raise ValueError(
                f"Deduplicate of {self.of!r}: every prompt is the only one of its prompt, so "
                "'scope: prompt' compares nothing; use 'scope: all'"
            )
        texts = [frame.select(part).to_series() for part in _parts(table)]
        spoken, signs, shingles = _read(texts, shingled=self.threshold < 1)
        apart = _hashed([signs, *self._apart(frame)]).to_numpy()
        groups = np.unique(apart, return_inverse=True)[1]
        firsts = _first_with_the_same(spoken, groups)
        original, similarity = firsts.copy(), np.ones(frame.height)
        if self.threshold < 1:
            # Copies of a row share its fate, so only the first of them is looked at.
            once = np.flatnonzero(firsts == np.arange(frame.height))
            near, near_similarity = _near(shingles, groups, once, self.threshold)
            original, similarity = near[firsts], near_similarity[firsts]
        unit = id_column(table)
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

    def _apart(self, frame: pl.DataFrame) -> Iterator[pl.Series]:
        """What tells rows apart that their texts do not."""
        if self.scope == "prompt":
            yield frame["prompt_id"]
        if "reference" in frame.columns:
            yield frame["reference"].str.strip_chars()


def _parts(table: type[Table]) -> Sequence[pl.Expr]:
    """The texts of a row that must all be alike."""
    before = table.preceding_messages()
    return [*([] if before is None else [contents(before)]), *table.texts().values()]


def _read(
    texts: Sequence[pl.Series], *, shingled: bool
) -> tuple[pl.DataFrame, pl.Series, list[Runs]]:
    """Two hashes of each row's tokens in every part, a hash of its formulas, and of each part the
    shingles of its rows, where they are asked for.

    Read some rows at a time: a million rows' tokens take gigabytes, their shingles 8 bytes each.
    """
    assistant_message: list[pl.DataFrame] = []
    signs: list[pl.Series] = []
    shingles: list[list[Runs]] = [[] for _ in texts]
    for start in range(0, max(1, len(texts[0])), AT_ONCE):
        some = [part.slice(start, AT_ONCE) for part in texts]
        spoken = [tokens(part, TOKENS) for part in some]
        wholes = [part.list.join(" ") for part in spoken]
        assistant_message.append(
            pl.DataFrame({f"said {seed}": _hashed(wholes, seed) for seed in (1, 2)})
        )
        signs.append(_hashed([formulas(part) for part in some]))
        if shingled:
            for part, found in zip(spoken, shingles, strict=True):
                found.append(runs(hashed(part), SHINGLE, whole=True))
    return (
        pl.concat(assistant_message),
        pl.concat(signs),
        [Runs.joined(part) for part in shingles if part],
    )


def _hashed(columns: Sequence[pl.Series], seed: int = 0) -> pl.Series:
    """A hash of each row of ``columns``, the same within one process: UInt64."""
    named = [column.alias(str(number)) for number, column in enumerate(columns)]
    return pl.DataFrame(named).hash_rows(seed)


def _first_with_the_same(spoken: pl.DataFrame, groups: np.ndarray) -> np.ndarray:
    """For each row the number of the first row of its group with the same tokens."""
    frame = spoken.with_columns(group=groups).with_row_index("row")
    first = pl.col("row").min().over("group", *spoken.columns)
    return frame.select(first.cast(pl.Int64)).to_series().to_numpy().copy()


def _near(
    parts: Sequence[Runs], groups: np.ndarray, rows: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each row the earlier kept row it is a near duplicate of (itself if none), and how alike
    the two are. Only ``rows`` are looked at, each compared with earlier kept ones in their order.
    """
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
