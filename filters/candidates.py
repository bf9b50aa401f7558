"""Which rows might be near duplicates: rows that share a band of their MinHash."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.ngrams import Hashes, Runs

PERMUTATIONS = 128
MISSED = 1e-3
SMALL = 64
"""Rows of a group up to which each is compared with each: quicker than hashing, and exact."""

Numbers = NDArray[np.int64]


class Candidates:
    """Near duplicates are looked for within groups. Rows are asked for in order, each before it is
    kept; a row that is not among ``shared`` is like no other.

    The union of disjoint sets is alike by at least as much as the least alike of them, so one
    MinHash of all parts together finds the rows that are alike in every part.
    """

    def __init__(self, parts: Sequence[Runs], groups: Numbers, threshold: float) -> None:
        sizes = np.bincount(groups, minlength=1)[groups]
        self._buckets = np.full((len(groups), 1), -1, dtype=np.int64)
        self._buckets[:, 0] = groups
        self._large = np.flatnonzero(sizes > SMALL)
        if len(self._large):
            bands = _bands(_digests(parts), band_length(threshold))
            self._buckets = np.column_stack([self._buckets, *_shared(bands, groups)])
        self._sizes = sizes
        self._kept: dict[tuple[int, int], list[int]] = defaultdict(list)
        small = (sizes > 1) & (sizes <= SMALL)
        banded = (sizes > SMALL) & (self._buckets[:, 1:] >= 0).any(axis=1)
        self.shared: list[int] = np.flatnonzero(small | banded).tolist()

    def kept_before(self, row: int) -> list[int]:
        """The kept rows that ``row`` might be a near duplicate of, in order."""
        return sorted({kept for bucket in self._of(row) for kept in self._kept[bucket]})

    def keep(self, row: int) -> None:
        """Later rows may be near duplicates of ``row``."""
        for bucket in self._of(row):
            self._kept[bucket].append(row)

    def _of(self, row: int) -> list[tuple[int, int]]:
        if self._sizes[row] <= SMALL:
            return [(0, int(self._buckets[row, 0]))]
        return [(band, b) for band, b in enumerate(self._buckets[row].tolist()) if band and b >= 0]


def band_length(threshold: float) -> int:
    """The longest bands with which rows alike by ``threshold`` share none of theirs with a
    probability of at most `MISSED`: (1 - t^r)^(128 / r)."""
    for length in (16, 8, 4, 2):
        if (1 - threshold**length) ** (PERMUTATIONS // length) <= MISSED:
            return length
    return 1


def _digests(parts: Sequence[Runs]) -> NDArray[np.uint32]:
    """The MinHash of each row: uint32[rows, PERMUTATIONS]."""
    from rensa import RMinHash

    row = np.concatenate([np.repeat(np.arange(len(part)), np.diff(part.starts)) for part in parts])
    # Each part's shingles are made different from the others' by an odd number of its own.
    flat = np.concatenate(
        [part.hashes * np.uint64(2 * number + 1) for number, part in enumerate(parts)]
    )
    starts = np.sum([part.starts for part in parts], axis=0)
    order = np.argsort(row, kind="stable")
    matrix: Any = RMinHash.digest_matrix_from_flat_token_hashes(
        flat[order], starts.astype(np.uint64), PERMUTATIONS, 42
    )
    return np.asarray(matrix.to_rows(), dtype=np.uint32).reshape(-1, PERMUTATIONS)


def _bands(digests: NDArray[np.uint32], length: int) -> list[Hashes]:
    """One 64-bit number for each row and band."""
    multiplier = np.uint64(0x9E3779B97F4A7C15)
    bands = []
    for start in range(0, PERMUTATIONS, length):
        folded = np.zeros(len(digests), dtype=np.uint64)
        for column in range(start, start + length):
            folded = (folded ^ digests[:, column]) * multiplier
            folded ^= folded >> np.uint64(32)
        bands.append(folded)
    return bands


def _shared(bands: Sequence[Hashes], groups: Numbers) -> list[Numbers]:
    """For each band the number of each row's bucket; -1 where no other row of the group is."""
    numbered = []
    for band in bands:
        _, codes = np.unique(band, return_inverse=True)
        _, bucket, sizes = np.unique(
            codes * (groups.max() + 1) + groups, return_inverse=True, return_counts=True
        )
        numbered.append(np.where(sizes[bucket] > 1, bucket, -1))
    return numbered
