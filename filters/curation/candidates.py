"""Candidates for near duplicates: rows that share a band of their MinHash."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.curation.ngrams import Hashes, Runs

PERMUTATIONS = 128
SEED = 42
ODD = np.uint64(0x9E3779B97F4A7C15)
MISSED = 1e-3
SMALL = 64
"""In groups of at most so many rows all pairs are compared: faster than hashing, and exact."""
AT_ONCE = 20_000
"""Rows whose digests are Python numbers at the same time: 90 MB."""

KNOWN = 50_000
"""Rows whose shingles are cached as sets: about 4 kB each."""

Numbers = NDArray[np.int64]


class Candidates:
    """Near-duplicate candidates among ``rows`` (ascending), within groups. Call `of` and `kept_in`
    for each row in the order of ``shared``, then `keep` if it is kept. A row that is not in
    ``shared`` has no candidate.

    The union of disjoint sets is at least as similar as the least similar of them. So one MinHash
    of all parts together finds the rows that are similar in every part.
    """

    def __init__(
        self, parts: Sequence[Runs], groups: Numbers, rows: Numbers, threshold: float
    ) -> None:
        sizes = np.bincount(groups[rows], minlength=1)[groups[rows]]
        small = rows[(sizes > 1) & (sizes <= SMALL)]
        banded, buckets = _banded(parts, groups, rows[sizes > SMALL], band_length(threshold))
        self._groups = groups
        self._buckets = buckets
        self._place = {row: place for place, row in enumerate(banded.tolist())}
        self._kept: dict[int, list[int]] = defaultdict(list)
        # Group by group, so that the cache of a group can be freed after it.
        together = small[np.argsort(groups[small], kind="stable")]
        self.shared: list[int] = [*together.tolist(), *self._place]

    def of(self, row: int) -> list[int]:
        """The buckets of a row of ``shared``."""
        place = self._place.get(row)
        if place is None:
            return [-1 - int(self._groups[row])]
        return [bucket for bucket in self._buckets[place].tolist() if bucket >= 0]

    def kept_in(self, buckets: Sequence[int]) -> list[int]:
        """The kept rows of these buckets, in order: the possible near duplicates."""
        return sorted({kept for bucket in buckets for kept in self._kept.get(bucket, ())})

    def keep(self, row: int, buckets: Sequence[int]) -> None:
        """Make ``row`` a candidate for later rows."""
        for bucket in buckets:
            self._kept[bucket].append(row)


class Similarity:
    """The exact Jaccard similarity of rows, in their least similar part."""

    def __init__(self, parts: Sequence[Runs]) -> None:
        self._parts = parts
        self._sets: dict[int, list[set[int]]] = {}

    def of(self, row: int, other: int) -> float:
        """The similarity of two rows, in [0, 1]."""
        return min(map(_jaccard, self._shingles(row), self._shingles(other)))

    def forget(self, row: int) -> None:
        """Free the shingles of ``row``, which is not compared again."""
        self._sets.pop(row, None)

    def _shingles(self, row: int) -> list[set[int]]:
        if row not in self._sets:
            if len(self._sets) >= KNOWN:
                self._sets.clear()
            self._sets[row] = [set(part.of(row).tolist()) for part in self._parts]
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


def _banded(
    parts: Sequence[Runs], groups: Numbers, rows: Numbers, length: int
) -> tuple[Numbers, Numbers]:
    """The rows that share a band with another row of their group, and their shared buckets:
    Int64[rows, bands], -1 for a band that is not shared."""
    from rensa import RMinHash, RMinHashLSH

    count = PERMUTATIONS // length
    if not len(rows):
        return rows, np.empty((0, count), dtype=np.int64)
    # Few rows share a band with another. rensa finds them without returning the digests.
    lsh = RMinHashLSH(1.0, PERMUTATIONS, count)
    flat, starts = _together(parts, rows)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, starts, PERMUTATIONS, SEED)
    rows = rows[np.asarray(lsh.query_duplicate_flags_matrix_one_shot(matrix), dtype=np.bool_)]
    del flat, matrix
    bands = minhash_bands(parts, rows, length)
    bands ^= (groups[rows].astype(np.uint64) * ODD)[:, None]
    buckets = np.empty(bands.shape, dtype=np.int64)
    for band in range(count):
        _, bucket, sizes = np.unique(bands[:, band], return_inverse=True, return_counts=True)
        buckets[:, band] = np.where(sizes[bucket] > 1, band * len(rows) + bucket, -1)
    shared = (buckets >= 0).any(axis=1)
    return rows[shared], buckets[shared]


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
