"""Texts as hashes: their words, and runs of n consecutive words, hashed to 64 bits.

Chinese, Japanese, Thai and some other scripts have no spaces between words. There each letter, with
its marks, is a word.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

IDEOGRAPHS = r"[\p{L}&&[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{scx=Yiii}]]"
SYLLABLES = (
    r"[\p{L}&&[\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Tibt}\p{scx=Lana}"
    r"\p{scx=Java}\p{scx=Bali}]]"
)
"""Letters of scripts without spaces: those that are about half a word, and the others."""
WORDS = rf"[{IDEOGRAPHS}{SYLLABLES}]\p{{M}}*|[\w--[{IDEOGRAPHS}{SYLLABLES}]]+"
TOKENS = rf"{WORDS}|[^\w\s]"
"""Words and signs: ``2-3`` and ``2+3`` have the same words, but are not the same text."""
WORD = 4
"""The weight of a word in a run; an ideograph (or kana) weighs 2, a letter of Thai or Khmer 1."""


@dataclass(frozen=True)
class Runs:
    """The runs of several texts, one text after another. Those of text i are
    ``hashes[starts[i]:starts[i + 1]]``, in order. ``weights`` are the weights of words; None if all
    are `WORD`."""

    hashes: Hashes
    starts: NDArray[np.int64]
    weights: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, text: int) -> Hashes:
        """The runs of one text."""
        return self.hashes[self.starts[text] : self.starts[text + 1]]

    def at(self, texts: NDArray[np.int64]) -> "Runs":
        """The runs of some texts, in their order."""
        counts = np.diff(self.starts)[texts]
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        place = np.repeat(self.starts[texts] - starts[:-1], counts) + np.arange(starts[-1])
        return Runs(self.hashes[place], starts)

    @staticmethod
    def joined(several: Sequence["Runs"]) -> "Runs":
        """The runs of several objects, one after another."""
        counts = np.concatenate([np.diff(one.starts) for one in several])
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        return Runs(np.concatenate([one.hashes for one in several]), starts)


def tokens(texts: pl.Series, pattern: str) -> pl.Series:
    """The matches of ``pattern`` in each text, in lower case: one list per text."""
    return folded(texts).str.extract_all(pattern)


def folded(texts: pl.Series) -> pl.Series:
    """Texts in lower case and in normal form NFKC, so that ``x²`` and ``x2`` are equal."""
    if (texts.str.len_bytes() != texts.str.len_chars()).any():
        # ASCII is in normal form already, and this check is fast.
        texts = texts.str.normalize("NFKC")
    return texts.str.to_lowercase()


def hashed(lists: pl.Series) -> Runs:
    """Each token as its BLAKE2b hash, the same on every machine and in every version."""
    flat = lists.explode(empty_as_null=False)
    vocabulary = flat.unique()
    digests = [hashlib.blake2b(word.encode(), digest_size=8).digest() for word in vocabulary]
    table = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    number = flat.replace_strict(vocabulary, pl.int_range(len(vocabulary), eager=True))
    place = number.to_numpy().astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy(), dtype=np.int64)])
    weights = _weights(vocabulary)
    return Runs(table[place], starts, None if (weights == WORD).all() else weights[place])


def _weights(words: pl.Series) -> NDArray[np.int64]:
    word = pl.col("word")
    weight = (
        pl.when(word.str.contains(rf"^{IDEOGRAPHS}"))
        .then(2)
        .when(word.str.contains(rf"^{SYLLABLES}"))
        .then(1)
        .otherwise(WORD)
    )
    return words.to_frame("word").select(weight).to_series().to_numpy().astype(np.int64)


def runs(words: Runs, n: int, *, whole: bool) -> Runs:
    """All runs of ``n`` words. A text with fewer words has no run or, with ``whole``, one run of
    all its words (an empty text too)."""
    lengths = np.diff(words.starts)
    counts = np.where(lengths >= n, lengths - n + 1, int(whole))
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    first = np.repeat(words.starts[:-1] - starts[:-1], counts) + np.arange(starts[-1])
    # Runs across the ends of texts are computed too and left out: slices are faster than indices.
    rolled = np.full(max(0, len(words.hashes) - n + 1), n, dtype=np.uint64)
    for step in range(n):
        rolled = _grown(rolled, words.hashes[step : step + len(rolled)], step)
    if not whole or (lengths >= n).all():
        return Runs(rolled[first], starts)
    hashes = np.empty(starts[-1], dtype=np.uint64)
    full = np.repeat(lengths >= n, counts)
    hashes[full] = rolled[first[full]]
    hashes[~full] = _of_lengths(words, first[~full], np.repeat(lengths, counts)[~full], n)
    return Runs(hashes, starts)


def phrases(words: Runs, n: int) -> tuple[Runs, NDArray[np.int64]]:
    """For each word of each text the shortest run from there that has the weight of ``n`` words, if
    the text is long enough.

    Returns:
        The runs, and the number of words (or letters) of each: int64[runs].
    """
    if words.weights is None:
        hashes = runs(words, n, whole=False)
        return hashes, np.full(len(hashes.hashes), n, dtype=np.int64)
    weights_before = np.concatenate([[0], np.cumsum(words.weights)])
    ends = np.repeat(words.starts[1:], np.diff(words.starts))
    last = np.searchsorted(weights_before, weights_before[:-1] + n * WORD)
    first = np.flatnonzero(last <= ends)
    lengths = last[first] - first
    starts = np.searchsorted(first, words.starts)
    return Runs(_of_lengths(words, first, lengths, n), starts), lengths


def _of_lengths(
    words: Runs, first: NDArray[np.int64], lengths: NDArray[np.int64], n: int
) -> Hashes:
    """The hashes of runs that begin at ``first`` and have ``lengths`` words. Equal to those of
    `runs` for lengths of ``n``."""
    hashes = np.full(len(first), n, dtype=np.uint64)
    for step in range(lengths.max(initial=0)):
        inside = lengths > step
        hashes[inside] = _grown(hashes[inside], words.hashes[first[inside] + step], step)
    return hashes


def _grown(before: Hashes, word: Hashes, step: int) -> Hashes:
    """The hashes of runs extended by ``word`` after ``step`` words."""
    return _mix(before ^ word) + np.uint64(step)


def occurrence(runs: Runs) -> NDArray[np.int64]:
    """For each run of a text, the number of its occurrence in that text, from 1: int64[runs]."""
    text = np.repeat(np.arange(len(runs)), np.diff(runs.starts))
    # lexsort is stable, so equal runs of a text stay in order.
    order = np.lexsort((runs.hashes, text))
    hashes, text = runs.hashes[order], text[order]
    place = np.arange(len(order))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (text[1:] != text[:-1])
    time = np.empty(len(order), dtype=np.int64)
    time[order] = place - np.maximum.accumulate(np.where(new, place, 0)) + 1
    return time


def _mix(x: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): one to one, with well mixed
    bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
