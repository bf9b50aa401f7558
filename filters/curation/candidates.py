"""Candidates for near duplicates: rows that share a band of their MinHash."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from filters.curation.ngrams import Hashes, Runs

PERMUTATIONS = 128
SEED = 42
ODD = np.uint64(0x9E3779B97F4A7C15)
MISSED = 1e-3
SMALL = 64
"""So many first rows of a group are all compared: faster than hashing, and exact."""
AT_ONCE = 20_000
"""Rows whose digests are Python numbers at the same time: 90 MB."""

CACHED_ROWS = 50_000
"""Rows whose shingles are cached as sets: about 4 kB each."""

Numbers = NDArray[np.int64]


class Shared:
    """The buckets that rows share. Two rows are near duplicates only if they are in one bucket.

    All pairs of the first `SMALL` rows of a group are compared, so they share a bucket; others
    share those of their bands. So what a row is compared with depends on no later row.

    Args:
        groups: Int64[rows]: only rows of the same group are compared.
        banded: Int64[banded], ascending: the rows that have bands. Groups of at most `SMALL` rows
            need none.
        bands: UInt64[banded, bands].
        first_new: Rows before this one are not compared with each other.

    Attributes:
        rows: Int64[shared]: the rows that share a bucket with another row, of which one at least is
            new; group by group, so that the cache of a group can be freed after it.
    """

    def __init__(self, groups: Numbers, banded: Numbers, bands: Hashes, first_new: int = 0) -> None:
        self._rows: list[Numbers] = []
        self._values: list[Numbers] = []
        self._count = 0
        first = np.flatnonzero(_places(groups) < SMALL)
        self._add(first, groups[first].astype(np.uint64), first_new)
        mixed = groups[banded].astype(np.uint64) * ODD
        for band in bands.T:
            self._add(banded, band ^ mixed, first_new)
        rows, buckets = np.concatenate(self._rows), np.concatenate(self._values)
        order = np.lexsort((rows, groups[rows]))
        self.rows, starts = np.unique(rows[order], return_index=True)
        in_order = np.argsort(starts)
        self.rows, starts = self.rows[in_order], starts[in_order]
        ends = np.append(starts, len(order))[1:]
        places = zip(starts.tolist(), ends.tolist(), strict=True)
        self._places = dict(zip(self.rows.tolist(), places, strict=True))
        self._buckets = buckets[order]

    def of(self, row: int) -> list[int]:
        """The shared buckets of a row."""
        start, end = self._places.get(row, (0, 0))
        return list(self._buckets[start:end].tolist())

    def _add(self, rows: Numbers, values: Hashes, first_new: int) -> None:
        """Add the buckets of rows with equal ``values``."""
        new_values = pl.Series(values[rows >= first_new]).implode()
        # Polars looks 400,000 values up in 5 ms; np.isin sorts them.
        near = pl.Series(values).is_in(new_values).to_numpy()
        rows = rows[near]
        _, bucket, sizes = np.unique(values[near], return_inverse=True, return_counts=True)
        several = sizes[bucket] > 1
        self._rows.append(rows[several])
        self._values.append(self._count + bucket[several])
        self._count += len(sizes)


def _places(groups: Numbers) -> Numbers:
    """The number of each row within its group, from 0."""
    order = np.argsort(groups, kind="stable")
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = groups[order][1:] != groups[order][:-1]
    place = np.arange(len(order))
    places = np.empty(len(order), dtype=np.int64)
    places[order] = place - np.maximum.accumulate(np.where(new, place, 0))
    return places


class Similarity:
    """The exact Jaccard similarity of rows, in their least similar part.

    Args:
        parts: The shingles of each part: those of the rows ``earlier`` (ascending), then those of
            all rows from ``first_new`` on.
    """

    def __init__(
        self, parts: Sequence[Runs], earlier: Numbers | None = None, first_new: int = 0
    ) -> None:
        self._parts = parts
        self._earlier = np.empty(0, dtype=np.int64) if earlier is None else earlier
        self._first_new = first_new
        self._sets: dict[int, list[set[int]]] = {}

    def of(self, row: int, other: int) -> float:
        """The similarity of two rows, in [0, 1]."""
        return min(map(_jaccard, self._shingles(row), self._shingles(other)))

    def forget(self, row: int) -> None:
        """Free the shingles of ``row``, which is not compared again."""
        self._sets.pop(row, None)

    def _shingles(self, row: int) -> list[set[int]]:
        if row not in self._sets:
            if len(self._sets) >= CACHED_ROWS:
                self._sets.clear()
            place = row - self._first_new + len(self._earlier)
            if row < self._first_new:
                place = int(np.searchsorted(self._earlier, row))
            self._sets[row] = [set(part.of(place).tolist()) for part in self._parts]
        return self._sets[row]


def _jaccard(one: set[int], other: set[int]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)


def band_length(threshold: float) -> int:
    """The longest bands for which rows of similarity ``threshold`` share no band with a probability
    of at most `MISSED`: (1 - t^r)^(128 / r)."""
    for length in (16, 8, 4, 2):
        if (1 - threshold**length) ** (PERMUTATIONS // length) <= MISSED:
            return length
    return 1


def repeated_bands(parts: Sequence[Runs], rows: Numbers, length: int) -> tuple[Numbers, Hashes]:
    """Those of ``rows`` that share a band with another one, and their bands. A row of ``parts`` is
    hashed once more if it is among them: few are."""
    from rensa import RMinHash, RMinHashLSH

    if not len(rows):
        return rows, np.empty((0, PERMUTATIONS // length), dtype=np.uint64)
    # rensa finds them without returning the digests.
    lsh = RMinHashLSH(1.0, PERMUTATIONS, PERMUTATIONS // length)
    flat, starts = _together(parts, rows)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, starts, PERMUTATIONS, SEED)
    rows = rows[np.asarray(lsh.query_duplicate_flags_matrix_one_shot(matrix), dtype=np.bool_)]
    del flat, matrix
    return rows, minhash_bands(parts, rows, length)


def minhash_bands(parts: Sequence[Runs], rows: Numbers, length: int) -> Hashes:
    """The bands of the MinHash of each row, a 64-bit number each: uint64[rows, bands]."""
    bands = np.empty((len(rows), PERMUTATIONS // length), dtype=np.uint64)
    for start in range(0, len(rows), AT_ONCE):
        batch = rows[start : start + AT_ONCE]
        bands[start : start + AT_ONCE] = _bands(_digests(parts, batch), length)
    return bands


def _together(parts: Sequence[Runs], rows: Numbers) -> tuple[Hashes, NDArray[np.uint64]]:
    """The shingles of all parts of each row, one row after another, and the offset at which each
    row begins."""
    counts = np.sum([np.diff(part.starts)[rows] for part in parts], axis=0)
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    flat = np.empty(starts[-1], dtype=np.uint64)
    for start in range(0, len(rows), AT_ONCE):
        batch = [part.at(rows[start : start + AT_ONCE]) for part in parts]
        row = np.concatenate([np.repeat(np.arange(len(one)), np.diff(one.starts)) for one in batch])
        # Each part multiplies its shingles by its own odd number, so that parts do not mix.
        of = np.concatenate(
            [one.hashes * np.uint64(2 * number + 1) for number, one in enumerate(batch)]
        )
        end = min(start + AT_ONCE, len(rows))
        flat[starts[start] : starts[end]] = of[np.argsort(row, kind="stable")]
    return flat, starts.astype(np.uint64)


def _digests(parts: Sequence[Runs], rows: Numbers) -> NDArray[np.uint32]:
    """The MinHash of each row: uint32[rows, PERMUTATIONS]."""
    from rensa import RMinHash

    flat, starts = _together(parts, rows)
    matrix: Any = RMinHash.digest_matrix_from_flat_token_hashes(flat, starts, PERMUTATIONS, SEED)
    return np.asarray(matrix.to_rows(), dtype=np.uint32).reshape(-1, PERMUTATIONS)


def _bands(digests: NDArray[np.uint32], length: int) -> Hashes:
    """One 64-bit number for each row and band: uint64[rows, bands]."""
    folded = np.zeros((len(digests), PERMUTATIONS // length), dtype=np.uint64)
    for column in range(length):
        folded = (folded ^ digests[:, column::length]) * ODD
        folded ^= folded >> np.uint64(32)
    return folded
