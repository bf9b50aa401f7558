"""Clusters of near-duplicate texts. Near duplicates of near duplicates share a cluster too."""

from collections import defaultdict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.datasets.stored_clusters import StoredClusters
from filters.curation.candidates import (
    PERMUTATIONS,
    SMALL,
    Similarity,
    band_length,
    minhash_bands,
)
from filters.curation.ngrams import TOKENS, Runs, hashed, runs, tokens

ALIKE = 0.7
"""The Jaccard similarity of two sets of shingles from which two texts are near duplicates. About
one word in twenty may differ."""
SHINGLE = 3
"""The number of tokens of a shingle."""


BANDS = PERMUTATIONS // band_length(ALIKE)


class Clusters:
    """Clusters that texts are added to one after the other.

    A text joins the clusters of all earlier texts that are near duplicates of it. These clusters
    become one cluster. Only texts that share a band of their MinHash are compared
    (`filters.curation.candidates`). Among more than 64 texts, this misses a pair with similarity
    `ALIKE` with a probability of (1 - 0.7^4)^32, two in ten thousand.

    Args:
        texts: String[texts].
        keys: String[texts]: their keys, different ones. They are needed for what is stored.
        stored: The clusters of earlier texts. The first texts that are still the same are not
            compared again.

    Attributes:
        known: How many texts are not compared again.
    """

    def __init__(
        self,
        texts: pl.Series,
        keys: pl.Series | None = None,
        stored: StoredClusters | None = None,
    ) -> None:
        self._keys = pl.Series("key", [], dtype=pl.String) if keys is None else keys
        # Few texts are all compared with each other, so their clusters are not those of bands.
        banded = len(texts) > SMALL
        before = StoredClusters.none(BANDS)
        if stored is not None and banded:
            before = stored.first(self._keys)
        self.known = len(before.keys)
        self._bands = before.bands
        shingles = _shingles(texts[self.known :])
        if banded:
            new = minhash_bands([shingles], np.arange(len(shingles)), band_length(ALIKE))
            self._bands = np.concatenate([self._bands, new])
            self._shared = _shared(self._bands, self.known)
        else:
            self._shared = Shared(np.arange(len(texts)), np.zeros(len(texts), dtype=np.int64))
        self._old = np.unique(self._shared.rows[self._shared.rows < self.known])
        if len(self._old):
            shingles = Runs.joined([_shingles(texts.gather(self._old)), shingles])
        self._similarity = Similarity([shingles])
        self._rejoined: dict[int, list[int]] = defaultdict(list)
        for row, head in before.joined.tolist():
            self._rejoined[row].append(head)
        self._joined: list[tuple[int, int]] = []
        self._root = list(range(len(texts)))
        # The texts of each bucket so far, by the head of their cluster when they were added.
        self._buckets: dict[int, dict[int, list[int]]] = defaultdict(dict)

    def stored(self) -> StoredClusters:
        """The clusters of all texts, to be stored. Few texts are not stored."""
        if not len(self._bands):
            return StoredClusters.none(BANDS)
        joined = np.array(self._joined, dtype=np.int64).reshape(-1, 2)
        return StoredClusters(self._keys, self._bands, joined)

    def head(self, row: int) -> int:
        """The first text of the cluster of ``row``, by its row."""
        while self._root[row] != row:
            self._root[row] = self._root[self._root[row]]
            row = self._root[row]
        return row

    def add(self, row: int) -> list[int]:
        """Add the text ``row``. Texts must be added in order.

        Returns:
            The heads of the clusters that it joins; empty if it starts a new cluster.
        """
        joined = [self._join(row, self.head(head)) for head in self._rejoined.get(row, ())]
        compared: set[int] = set()
        for bucket in self._shared.of(row):
            by_head = self._buckets[bucket]
            same_cluster: list[int] = []
            for head, members in list(by_head.items()):
                current = self.head(head)
                # Texts of the same cluster are not compared again, so many copies cost little.
                apart = row >= self.known and current != self.head(row)
                if apart and self._is_similar(row, members, compared):
                    joined.append(self._join(row, current))
                if self.head(head) == self.head(row):
                    same_cluster = _merge(same_cluster, by_head.pop(head))
            same_cluster.append(row)
            by_head[self.head(row)] = same_cluster
        return joined

    def _join(self, row: int, head: int) -> int:
        """Join the cluster of ``row`` and that of ``head``; returns ``head``."""
        self._joined.append((row, head))
        first, last = sorted((head, self.head(row)))
        self._root[last] = first
        return head

    def _is_similar(self, row: int, others: list[int], compared: set[int]) -> bool:
        for other in others:
            if other not in compared:
                compared.add(other)
                if self._similarity.of(self._place(row), self._place(other)) >= ALIKE:
                    return True
        return False

    def _place(self, row: int) -> int:
        """The place of the shingles of a text."""
        if row < self.known:
            return int(np.searchsorted(self._old, row))
        return row - self.known + len(self._old)


class Shared:
    """The buckets that texts share: arrays ``rows`` and ``buckets``, in the order of the rows."""

    def __init__(self, rows: NDArray[np.int64], buckets: NDArray[np.int64]) -> None:
        self.rows = rows
        self._buckets = buckets
        heads, starts = np.unique(rows, return_index=True)
        ends = np.append(starts, len(rows))[1:]
        places = zip(starts.tolist(), ends.tolist(), strict=True)
        self._places = dict(zip(heads.tolist(), places, strict=True))

    def of(self, row: int) -> list[int]:
        """The buckets of a text."""
        start, end = self._places.get(row, (0, 0))
        return list(self._buckets[start:end].tolist())


def _shared(bands: NDArray[np.uint64], known: int) -> Shared:
    """The buckets with several texts, of which one at least is not among the first ``known``."""
    rows, buckets, count = [], [], 0
    for band in bands.T:
        old = np.flatnonzero(np.isin(band[:known], band[known:]))
        of_band = np.concatenate([old, np.arange(known, len(band))])
        _, bucket, sizes = np.unique(band[of_band], return_inverse=True, return_counts=True)
        several = sizes[bucket] > 1
        rows.append(of_band[several])
        buckets.append(count + bucket[several])
        count += len(sizes)
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    return Shared(row[order], np.concatenate(buckets)[order])


def _shingles(texts: pl.Series) -> Runs:
    return runs(hashed(tokens(texts, TOKENS)), SHINGLE, whole=True)


def clusters(texts: pl.Series) -> pl.Series:
    """The cluster of each text: the row of the first text of the cluster.

    Args:
        texts: String[texts].

    Returns:
        Int64[texts].
    """
    normalized = tokens(texts, TOKENS).list.join(" ")
    frame = pl.DataFrame({"text": normalized}).with_row_index("row")
    first = frame.select(pl.col("row").min().over("text")).to_series().to_numpy().astype(np.int64)
    distinct, inverse = np.unique(first, return_inverse=True)
    found = Clusters(texts.gather(distinct))
    for row in range(len(distinct)):
        found.add(row)
    heads = np.array([distinct[found.head(row)] for row in range(len(distinct))], dtype=np.int64)
    return pl.Series("cluster", heads[inverse], dtype=pl.Int64)


def _merge(one: list[int], other: list[int]) -> list[int]:
    """The two lists as one. The shorter list is appended to the longer, which is not copied."""
    shorter, longer = sorted((one, other), key=len)
    longer.extend(shorter)
    return longer
