"""Drops rows with the same or nearly the same text as an earlier row."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from filters.curation.candidates import (
    SMALL,
    Shared,
    Similarity,
    band_length,
    minhash_bands,
    repeated_bands,
)
from filters.curation.formulas import formulas
from filters.curation.ngrams import TOKENS, Runs, hashed, runs, tokens
from filters.filter import Earlier, Filter, refused
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
    a duplicate, but about one in a thousand duplicates just above the threshold is missed. Among
    the first 64 rows (or the first 64 of a prompt) all pairs are compared, and none is missed.

    Source: Lee et al. 2022, Deduplicating Training Data Makes Language Models Better
    (arXiv:2107.06499), NearDup.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""
    in_order: ClassVar[bool] = True

    of: Annotated[str, Takes(Prompts, Responses, Pairs, StepLabels, Demonstrations)]
    threshold: float = Field(default=0.8, gt=0, le=1)
    scope: Literal["all", "prompt"] = "all"

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        if table is Prompts and self.scope == "prompt":
            raise ValueError(
                f"Deduplicate of {self.of!r}: prompts have no other row of the same prompt, so "
                "'scope: prompt' has no effect; use 'scope: all'"
            )
        return self._chosen(tables[self.of], table, None)[0]

    def choose_more(
        self, frame: pl.DataFrame, table: type[Table], earlier: Earlier
    ) -> tuple[Split, pl.DataFrame]:
        return self._chosen(frame, table, earlier)

    def _chosen(
        self, frame: pl.DataFrame, table: type[Table], earlier: Earlier | None
    ) -> tuple[Split, pl.DataFrame]:
        """The rows of ``frame``, and the marks by which later rows are compared with them: the
        hashes of `_fingerprints`, and for each row the number of the row that it repeats (its own
        if none), their ``similarity`` and, with ``earlier``, its ``bands``."""
        words, signs, shingles = _fingerprints(_texts(frame, table), shingled=self.threshold < 1)
        hashes = words.with_columns(identity=_hashed([signs, *self._identity_columns(frame)]))
        marks = hashes
        length = band_length(self.threshold)
        if self.threshold < 1 and earlier is not None:
            new = minhash_bands(shingles, np.arange(frame.height), length)
            marks = hashes.with_columns(
                bands=pl.Series(new, dtype=pl.Array(pl.UInt64, new.shape[1]))
            )
        # Rows of another identity are never duplicates.
        before = _before(earlier, marks)
        first_new = before.height
        hashes = pl.concat([before.select(hashes.columns), hashes])
        groups = np.unique(hashes["identity"].to_numpy(), return_inverse=True)[1]
        firsts = _first_with_the_same(hashes.drop("identity"), groups)
        original, similarity = np.arange(len(groups)), np.ones(len(groups))
        original[:first_new] = np.searchsorted(before["number"], before["original"])
        similarity[:first_new] = before["similarity"]
        if self.threshold < 1:
            # Copies of a row are treated as the first of them, so only that one is compared.
            distinct = np.flatnonzero(firsts == np.arange(len(groups)))
            sizes = np.bincount(groups[distinct], minlength=1)[groups]
            banded = distinct[sizes[distinct] > SMALL]
            if earlier is None:
                banded, bands = repeated_bands(shingles, banded, length)
            else:
                every = [
                    each["bands"].to_numpy().reshape(-1, new.shape[1]) for each in (before, marks)
                ]
                bands = np.concatenate(every)[banded]
            shared = Shared(
                groups[distinct],
                np.searchsorted(distinct, banded),
                bands,
                int(np.searchsorted(distinct, first_new)),
            )
            rows = distinct[shared.rows]
            originals = np.sort(rows[(rows < first_new) & (original[rows] == rows)])
            if earlier is not None and len(originals):
                numbers = before["number"].gather(originals)
                earlier_shingles = _fingerprints(
                    _texts(earlier.read(numbers), table), shingled=True
                )[2]
                shingles = [
                    Runs.joined(parts) for parts in zip(earlier_shingles, shingles, strict=True)
                ]
            _find_near(
                original,
                similarity,
                Similarity(shingles, originals, first_new),
                [(int(distinct[place]), shared.of(place)) for place in shared.rows.tolist()],
                first_new,
                self.threshold,
            )
        original, similarity = original[firsts], similarity[firsts]
        unit = id_column(table)
        ids = frame[unit]
        numbers = pl.Series("number", np.arange(frame.height))
        if earlier is not None:
            ids = pl.concat([earlier.ids.gather(before["number"]).alias(unit), ids])
            numbers = pl.concat([before["number"], numbers + len(earlier.ids)])
        repeated = pl.Series(original != np.arange(len(groups)))[first_new:]
        judged = frame.select(unit).with_columns(
            duplicate_of=ids.gather(original[first_new:]),
            similarity=pl.Series(similarity[first_new:]),
            exact=pl.Series(firsts == original)[first_new:],
        )
        split = Split(
            frame.filter(~repeated),
            refused(
                judged.filter(repeated),
                unit,
                pl.when("exact")
                .then(pl.lit("same text"))
                .otherwise(pl.lit("nearly the same text")),
                duplicate_of=pl.col("duplicate_of"),
                similarity=pl.col("similarity"),
            ),
        )
        return split, marks.with_columns(
            original=numbers.gather(original[first_new:]), similarity=judged["similarity"]
        )

    def _identity_columns(self, frame: pl.DataFrame) -> Iterator[pl.Series]:
        """Columns that make rows different even if their texts are the same."""
        if self.scope == "prompt":
            yield frame["prompt_id"]
        for chat in ("messages", "prompt"):
            if chat in frame.columns:
                yield frame.select(offered_tools(pl.col(chat))).to_series()
        if "reference" in frame.columns:
            yield frame["reference"].str.strip_chars()


def _texts(frame: pl.DataFrame, table: type[Table]) -> list[pl.Series]:
    """The texts of each row that must all be similar."""
    before = table.preceding_messages()
    parts = [*([] if before is None else [contents(before)]), *table.texts().values()]
    return [frame.select(part).to_series() for part in parts]


def _fingerprints(
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
    frame_columns = [column.alias(str(number)) for number, column in enumerate(columns)]
    return pl.DataFrame(frame_columns).hash_rows(seed)


def _first_with_the_same(words: pl.DataFrame, groups: np.ndarray) -> np.ndarray:
    """For each row the number of the first row of its group with the same tokens."""
    frame = words.with_columns(group=groups).with_row_index("row")
    first = pl.col("row").min().over("group", *words.columns)
    return frame.select(first.cast(pl.Int64)).to_series().to_numpy().copy()


def _find_near(
    original: np.ndarray,
    similarity: np.ndarray,
    exact: Similarity,
    rows: Sequence[tuple[int, list[int]]],
    first_new: int,
    threshold: float,
) -> None:
    """Find the earlier kept row of which each row is a near duplicate, and their similarity.

    Args:
        original: Int64[rows]: the row that each one repeats, or itself. Those of rows before
            ``first_new`` are given.
        similarity: Float64[rows].
        exact: The similarity of rows.
        rows: Rows with their buckets; those of a group ascend.
        first_new: The number of the first row to find.
        threshold: The least similarity of duplicates.
    """
    kept: dict[int, list[int]] = defaultdict(list)
    for row, buckets in rows:
        if row >= first_new:
            for earlier in sorted({one for bucket in buckets for one in kept.get(bucket, ())}):
                alike = exact.of(row, earlier)
                if alike >= threshold:
                    original[row], similarity[row] = earlier, alike
                    exact.forget(row)
                    break
        if original[row] == row:
            for bucket in buckets:
                kept[bucket].append(row)


def _before(earlier: Earlier | None, marks: pl.DataFrame) -> pl.DataFrame:
    """The marks of the earlier rows with an identity of the new ones, and their ``number``."""
    if earlier is None or earlier.marks is None:
        return marks.clear().with_columns(
            number=pl.lit(0, pl.Int64), original=pl.lit(0, pl.Int64), similarity=pl.lit(1.0)
        )
    numbered = earlier.marks.with_columns(number=pl.int_range(pl.len(), dtype=pl.Int64))
    return numbered.filter(pl.col("identity").is_in(marks["identity"].implode()))
