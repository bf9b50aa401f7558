"""Prompts that are nearly alike, directly or through others."""

from collections import defaultdict

import numpy as np
import polars as pl

from filters.curation.candidates import Candidates, Similarity
from filters.curation.ngrams import TOKENS, hashed, runs, tokens

ALIKE = 0.7
"""Jaccard similarity of the sets of three tokens in a row from which prompts are nearly alike: one
word in twenty may differ."""
SHINGLE = 3


class Clusters:
    """Texts join clusters one after the other: a text joins those of the earlier texts that it is
    alike to by `ALIKE` or more, which so become one.

    Texts that share a band of their MinHash are compared (`filters.curation.candidates`); among
    more than 64, that overlooks a pair alike by just `ALIKE` with a probability of (1 - 0.7^4)^32,
    two in ten thousand.
    """

    def __init__(self, texts: pl.Series) -> None:
        shingles = [runs(hashed(tokens(texts, TOKENS)), SHINGLE, whole=True)]
        rows = np.arange(len(texts))
        self._candidates = Candidates(shingles, np.zeros_like(rows), rows, ALIKE)
        self._shared = set(self._candidates.shared)
        self._similarity = Similarity(shingles)
        self._root = list(range(len(texts)))
        # Of each bucket the texts so far, by the head that their cluster had when they came.
        self._there: dict[int, dict[int, list[int]]] = defaultdict(dict)

    def head(self, row: int) -> int:
        """The text that stands for the cluster of ``row``, an earlier one or itself."""
        while self._root[row] != row:
            self._root[row] = self._root[self._root[row]]
            row = self._root[row]
        return row

    def add(self, row: int) -> list[int]:
        """Let the text ``row`` join, after all before it; the heads of the clusters that it joins
        to one, none where it begins one."""
        joined: list[int] = []
        compared: set[int] = set()
        for bucket in self._candidates.of(row) if row in self._shared else []:
            there = self._there[bucket]
            mine: list[int] = []
            for head, members in list(there.items()):
                current = self.head(head)
                # Those that are joined already need no comparison, so many copies cost little.
                if current != self.head(row) and self._alike(row, members, compared):
                    joined.append(current)
                    first, last = sorted((current, self.head(row)))
                    self._root[last] = first
                if self.head(head) == self.head(row):
                    mine = _one(mine, there.pop(head))
            mine.append(row)
            there[self.head(row)] = mine
        return joined

    def _alike(self, row: int, others: list[int], compared: set[int]) -> bool:
        for other in others:
            if other not in compared:
                compared.add(other)
                if self._similarity.of(row, other) >= ALIKE:
                    return True
        return False


def clusters(texts: pl.Series) -> pl.Series:
    """For each text the number of the first text of its cluster."""
    spoken = tokens(texts, TOKENS).list.join(" ")
    whole = pl.DataFrame({"text": spoken}).with_row_index("row")
    first = whole.select(pl.col("row").min().over("text")).to_series().to_numpy().astype(np.int64)
    once, place = np.unique(first, return_inverse=True)
    found = Clusters(texts.gather(once))
    for row in range(len(once)):
        found.add(row)
    heads = np.array([once[found.head(row)] for row in range(len(once))], dtype=np.int64)
    return pl.Series("cluster", heads[place], dtype=pl.Int64)


def _one(some: list[int], others: list[int]) -> list[int]:
    """The two lists as one: the longer is not copied."""
    few, many = sorted((some, others), key=len)
    many.extend(few)
    return many
