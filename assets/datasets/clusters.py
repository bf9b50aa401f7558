"""Clusters of near-duplicate texts. Near duplicates of near duplicates share a cluster too."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from filters.curation.candidates import (
    PERMUTATIONS,
    Shared,
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

KEPT = pl.Schema(
    {
        "bands": pl.Array(pl.UInt64, PERMUTATIONS // band_length(ALIKE)),
        "joined": pl.List(pl.Int64),
    }
)
"""What is kept of each text: the bands of its MinHash, and the numbers of the heads of the earlier
clusters that it joined."""


class Clusters:
    """Clusters that texts are added to one after the other.

    A text joins the clusters of all earlier texts that are near duplicates of it. These clusters
    become one cluster. Only texts that share a bucket are compared
    (`filters.curation.candidates`). After the first 64 texts, this misses a pair with similarity
    `ALIKE` with a probability of (1 - 0.7^4)^32, two in ten thousand.

    Args:
        texts: String[texts]: the texts to add.
        before: `KEPT` of the texts that were added before them.
        read: Reads some of the texts before, by their numbers.

    Attributes:
        known: The number of texts before, which is the number of the first new one.
    """

    def __init__(
        self,
        texts: pl.Series,
        before: pl.DataFrame | None = None,
        read: Callable[[pl.Series], pl.Series] | None = None,
    ) -> None:
        shingles = _shingles(texts)
        every = np.arange(len(shingles))
        self._bands = minhash_bands([shingles], every, band_length(ALIKE))
        bands = self._bands
        self.known = 0 if before is None else before.height
        if before is not None:
            old = before["bands"].to_numpy().reshape(-1, bands.shape[1]).astype(np.uint64)
            bands = np.concatenate([old, bands])
        count = len(bands)
        self._root = list(range(count)) if before is None else _roots(before["joined"], count)
        self._shared = Shared(
            np.zeros(count, dtype=np.int64), np.arange(count), bands, first_new=self.known
        )
        earlier = self._shared.rows[self._shared.rows < self.known]
        if read is not None and len(earlier):
            shingles = Runs.joined([_shingles(read(pl.Series(earlier))), shingles])
        self._similarity = Similarity([shingles], earlier, self.known)
        self._joined: list[list[int]] = [[] for _ in every]
        # The texts of each bucket so far, by the head of their cluster when they were added.
        self._buckets: dict[int, dict[int, list[int]]] = defaultdict(dict)
        for row in earlier.tolist():
            self._add_to_buckets(row)

    def add(self, row: int) -> list[int]:
        """Add the new text ``row``. Texts must be added in order.

        Returns:
            The heads of the clusters that it joins; empty if it starts a new cluster.
        """
        compared: set[int] = set()
        joined = self._joined[row - self.known]
        for bucket in self._shared.of(row):
            for head, members in self._buckets[bucket].items():
                current = _head(self._root, head)
                # Texts of the same cluster are not compared again, so many copies cost little.
                apart = current != _head(self._root, row)
                if apart and self._is_similar(row, members, compared):
                    joined.append(current)
                    _join(self._root, row, current)
        self._add_to_buckets(row)
        return joined

    def head(self, row: int) -> int:
        """The number of the first text of the cluster of ``row``."""
        return _head(self._root, row)

    def kept(self) -> pl.DataFrame:
        """`KEPT` of the new texts."""
        return pl.DataFrame({"bands": self._bands, "joined": self._joined}, schema=KEPT)

    def heads(self) -> pl.Series:
        """Int64[texts before and new]: the first text of the cluster of each."""
        return _heads(self._root)

    def _add_to_buckets(self, row: int) -> None:
        for bucket in self._shared.of(row):
            by_head = self._buckets[bucket]
            mine = [row]
            for head in list(by_head):
                if _head(self._root, head) == _head(self._root, row):
                    mine = _merge(mine, by_head.pop(head))
            by_head[_head(self._root, row)] = mine

    def _is_similar(self, row: int, others: list[int], compared: set[int]) -> bool:
        for other in others:
            if other not in compared:
                compared.add(other)
                if self._similarity.of(row, other) >= ALIKE:
                    return True
        return False


def heads_of(joined: pl.Series) -> pl.Series:
    """The head of the cluster of each text: Int64[texts].

    Args:
        joined: The column of `KEPT` of all texts, in order.
    """
    return _heads(_roots(joined, len(joined)))


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
    return pl.Series("cluster", distinct[found.heads().to_numpy()][inverse], dtype=pl.Int64)


def _roots(joined: pl.Series, count: int) -> list[int]:
    """A forest in which the root of each text is the head of its cluster."""
    root = list(range(count))
    rows = pl.DataFrame([joined]).with_row_index("row").filter(pl.col("joined").list.len() > 0)
    for row, heads in rows.iter_rows():
        for head in heads:
            _join(root, row, head)
    return root


def _join(root: list[int], row: int, head: int) -> None:
    """Join the clusters of two texts."""
    first, last = sorted((_head(root, head), _head(root, row)))
    root[last] = first


def _head(root: list[int], row: int) -> int:
    while root[row] != row:
        root[row] = root[root[row]]
        row = root[row]
    return row


def _heads(root: list[int]) -> pl.Series:
    heads: NDArray[np.int64] = np.array(root, dtype=np.int64)
    while (heads[heads] != heads).any():
        heads = heads[heads]
    return pl.Series("cluster", heads, dtype=pl.Int64)


def _shingles(texts: pl.Series) -> Runs:
    return runs(hashed(tokens(texts, TOKENS)), SHINGLE, whole=True)


def _merge(one: list[int], other: list[int]) -> list[int]:
    """The two lists as one. The shorter list is appended to the longer, which is not copied."""
    shorter, longer = sorted((one, other), key=len)
    longer.extend(shorter)
    return longer
