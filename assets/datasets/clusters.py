"""Clusters of near-duplicate texts. Near duplicates of near duplicates share a cluster too."""

from collections import defaultdict

import numpy as np
import polars as pl

from filters.curation.candidates import Candidates, Similarity
from filters.curation.ngrams import TOKENS, hashed, runs, tokens

ALIKE = 0.7
"""The Jaccard similarity of two sets of shingles from which two texts are near duplicates. About
one word in twenty may differ."""
SHINGLE = 3
"""The number of tokens of a shingle."""


class Clusters:
    """Clusters that texts are added to one after the other.

    A text joins the clusters of all earlier texts that are near duplicates of it. These clusters
    become one cluster. Only texts that share a band of their MinHash are compared
    (`filters.curation.candidates`). Among more than 64 texts, this misses a pair with similarity
    `ALIKE` with a probability of (1 - 0.7^4)^32, two in ten thousand.
    """

    def __init__(self, texts: pl.Series) -> None:
        shingles = [runs(hashed(tokens(texts, TOKENS)), SHINGLE, whole=True)]
        rows = np.arange(len(texts))
        self._candidates = Candidates(shingles, np.zeros_like(rows), rows, ALIKE)
        self._shared = set(self._candidates.shared)
        self._similarity = Similarity(shingles)
        self._root = list(range(len(texts)))
        # The texts of each bucket so far, by the head of their cluster when they were added.
        self._buckets: dict[int, dict[int, list[int]]] = defaultdict(dict)

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
        joined: list[int] = []
        compared: set[int] = set()
        for bucket in self._candidates.of(row) if row in self._shared else []:
            by_head = self._buckets[bucket]
            same_cluster: list[int] = []
            for head, members in list(by_head.items()):
                current = self.head(head)
                # Texts of the same cluster are not compared again, so many copies cost little.
                if current != self.head(row) and self._is_similar(row, members, compared):
                    joined.append(current)
                    first, last = sorted((current, self.head(row)))
                    self._root[last] = first
                if self.head(head) == self.head(row):
                    same_cluster = _merge(same_cluster, by_head.pop(head))
            same_cluster.append(row)
            by_head[self.head(row)] = same_cluster
        return joined

    def _is_similar(self, row: int, others: list[int], compared: set[int]) -> bool:
        for other in others:
            if other not in compared:
                compared.add(other)
                if self._similarity.of(row, other) >= ALIKE:
                    return True
        return False


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
