"""Which rows are trained on and which are held out, so that neither ever learns of the other.

A prompt's own words decide: the hash of them is a number in [0, 1), and below the share that is
held out the prompt is one to be held out. Prompts that are nearly alike, directly or through
others, are a cluster. A cluster with a prompt that is trained on is trained on, and those of its
prompts that would be held out are in neither split.

So nothing needs to be remembered. A prompt can never move between the splits, whatever refreshes
come later or earlier and in whatever order they are made; it can only leave, when a prompt like it
comes that is trained on. And datasets that hold out the same share hold out the same prompts: what
one trains on, another does not measure with.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from filters.ngrams import TOKENS, Runs, hashed, runs, tokens

TRAIN, HELD_OUT = "train", "held_out"

ALIKE = 0.7
"""Jaccard similarity of the sets of three tokens in a row from which prompts are nearly alike: one
word in twenty may differ."""
SHINGLE = 3
BAND, BANDS = 4, 32
SMALL = 64
"""Texts up to which each is compared with each."""


def splits(texts: pl.Series, held_out: float) -> pl.DataFrame:
    """For each text of a prompt its ``cluster`` (the number of a row in it) and its ``split``:
    `TRAIN`, `HELD_OUT`, or null where it would be held out, but its cluster is trained on.

    ``held_out``: the share of prompts to hold out, in [0, 1).
    """
    inclined = shares(texts) < held_out
    frame = pl.DataFrame({"cluster": clusters(texts), "inclined": inclined})
    whole = pl.col("inclined").all().over("cluster")
    return frame.select(
        "cluster",
        split=pl.when(~pl.col("inclined")).then(pl.lit(TRAIN)).when(whole).then(pl.lit(HELD_OUT)),
    )


def shares(texts: pl.Series) -> pl.Series:
    """A number in [0, 1) for each text, even over texts and the same on every machine. Case and
    white space do not change it."""
    said = tokens(texts, TOKENS).list.join(" ")
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in said]
    whole = np.array([int.from_bytes(digest) >> 11 for digest in digests], dtype=np.float64)
    return pl.Series("share", whole / 2**53, dtype=pl.Float64)


def clusters(texts: pl.Series) -> pl.Series:
    """For each text the number of the first text of its cluster: texts alike by `ALIKE` or more are
    in one, and so are those that a chain of such texts joins.

    Texts that share a band of their MinHash are compared; among more than `SMALL`, that overlooks
    a pair alike by just `ALIKE` with a probability of (1 - 0.7^4)^32, two in ten thousand.
    """
    if texts.is_empty():
        return pl.Series("cluster", [], dtype=pl.Int64)
    spoken = tokens(texts, TOKENS)
    whole = pl.DataFrame({"text": spoken.list.join(" ")}).with_row_index("row")
    first = whole.select(pl.col("row").min().over("text")).to_series().to_numpy().astype(np.int64)
    once, place = np.unique(first, return_inverse=True)
    said = runs(hashed(spoken.gather(once)), SHINGLE, whole=True)
    root = list(range(len(once)))

    def head(row: int) -> int:
        while root[row] != row:
            root[row] = root[root[row]]
            row = root[row]
        return row

    sets: dict[int, set[int]] = {}
    for bucket in _buckets(said):
        joined: dict[int, list[int]] = {}
        for row in bucket:
            sets.setdefault(row, set(said.of(row).tolist()))
            # Those that are joined already need no comparison, so many copies cost little.
            for other, members in list(joined.items()):
                if other != head(row) and any(
                    _jaccard(sets[row], sets[each]) >= ALIKE for each in members
                ):
                    first_head, last_head = sorted((other, head(row)))
                    root[last_head] = first_head
                    moved = joined.pop(last_head, [])
                    joined.setdefault(first_head, []).extend(moved)
            joined.setdefault(head(row), []).append(row)
    heads = np.array([once[head(row)] for row in range(len(once))], dtype=np.int64)
    return pl.Series("cluster", heads[place], dtype=pl.Int64)


def _buckets(said: Runs) -> Iterator[list[int]]:
    """Texts that might be alike: all, if there are few, or those that share a band."""
    if len(said) <= SMALL:
        yield list(range(len(said)))
        return
    from rensa import RMinHash

    matrix: Any = RMinHash.digest_matrix_from_flat_token_hashes(
        said.hashes, said.starts.astype(np.uint64), BAND * BANDS, 42
    )
    digests = np.asarray(matrix.to_rows(), dtype=np.uint32)
    for start in range(0, BAND * BANDS, BAND):
        band = np.ascontiguousarray(digests[:, start : start + BAND])
        _, bucket = np.unique(band.view(f"V{4 * BAND}").ravel(), return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(bucket[order])) + 1):
            if len(rows) > 1:
                yield rows.tolist()


def _jaccard(one: set[int], other: set[int]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)
