"""Texts as numbers: their words, and every run of n words, hashed to 64 bits.

Chinese, Japanese, Thai and some other scripts write no spaces between words. There each letter,
with the marks on it, stands as a word of its own.
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
"""Letters of the scripts without spaces: those that are half a word or more, and the others."""
WORDS = rf"[{IDEOGRAPHS}{SYLLABLES}]\p{{M}}*|[\w--[{IDEOGRAPHS}{SYLLABLES}]]+"
TOKENS = rf"{WORDS}|[^\w\s]"
"""Words and signs: ``2-3`` and ``2+3`` have the same words, but are not the same text."""
WORD = 4
"""How much a word weighs in a run; an ideograph (or kana) weighs 2, a letter of Thai or Khmer 1."""


@dataclass(frozen=True)
class Runs:
    """The runs of several texts, one after another: those of text i are
    ``hashes[starts[i]:starts[i + 1]]``, in the order in which they are written. ``weights`` are
    those of words, None where each weighs `WORD`."""

    hashes: Hashes
    starts: NDArray[np.int64]
    weights: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, text: int) -> Hashes:
        """The runs of one text."""
        return self.hashes[self.starts[text] : self.starts[text + 1]]

    def at(self, texts: NDArray[np.int64]) -> "Runs":
        """The runs of some texts, in the order of these."""
        counts = np.diff(self.starts)[texts]
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        place = np.repeat(self.starts[texts] - starts[:-1], counts) + np.arange(starts[-1])
        return Runs(self.hashes[place], starts)

    @staticmethod
    def joined(several: Sequence["Runs"]) -> "Runs":
        """The texts of one after those of the other."""
        counts = np.concatenate([np.diff(one.starts) for one in several])
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        return Runs(np.concatenate([one.hashes for one in several]), starts)


def tokens(texts: pl.Series, pattern: str) -> pl.Series:
    """The parts of each text that match ``pattern``, in lower case: a list a text."""
    return folded(texts).str.extract_all(pattern)


def folded(texts: pl.Series) -> pl.Series:
    """Texts in lower case and in one normal form, so that ``x²`` and ``x2`` are the same."""
    if (texts.str.len_bytes() != texts.str.len_chars()).any():
        # What is ASCII is normal already, and to see that takes no time.
        texts = texts.str.normalize("NFKC")
    return texts.str.to_lowercase()


def hashed(lists: pl.Series) -> Runs:
    """Each token by its hash (BLAKE2b), the same on every machine and in every version."""
    flat = lists.explode(empty_as_null=False)
    known = flat.unique()
    digests = [hashlib.blake2b(word.encode(), digest_size=8).digest() for word in known]
    table = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    number = flat.replace_strict(known, pl.int_range(len(known), eager=True))
    place = number.to_numpy().astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy(), dtype=np.int64)])
    weights = _weights(known)
    return Runs(table[place], starts, None if (weights == WORD).all() else weights[place])


def _weights(words: pl.Series) -> NDArray[np.int64]:
    known = pl.col("word")
    weight = (
        pl.when(known.str.contains(rf"^{IDEOGRAPHS}"))
        .then(2)
        .when(known.str.contains(rf"^{SYLLABLES}"))
        .then(1)
        .otherwise(WORD)
    )
    return words.to_frame("word").select(weight).to_series().to_numpy().astype(np.int64)


def runs(words: Runs, n: int, *, whole: bool) -> Runs:
    """All runs of ``n`` words. A text of fewer has none or, if ``whole``, one of all its words
    (an empty text too)."""
    lengths = np.diff(words.starts)
    counts = np.where(lengths >= n, lengths - n + 1, int(whole))
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    first = np.repeat(words.starts[:-1] - starts[:-1], counts) + np.arange(starts[-1])
    # Runs across the ends of texts are folded too, and left out: slices are faster than places.
    rolled = np.full(max(0, len(words.hashes) - n + 1), n, dtype=np.uint64)
    for step in range(n):
        rolled = _grown(rolled, words.hashes[step : step + len(rolled)], step)
    if not whole or (lengths >= n).all():
        return Runs(rolled[first], starts)
    found = np.empty(starts[-1], dtype=np.uint64)
    full = np.repeat(lengths >= n, counts)
    found[full] = rolled[first[full]]
    found[~full] = _of_lengths(words, first[~full], np.repeat(lengths, counts)[~full], n)
    return Runs(found, starts)


def phrases(words: Runs, n: int) -> tuple[Runs, NDArray[np.int64]]:
    """From each word of each text the shortest run that weighs as much as ``n`` words, where the
    text goes on for so long; and how many words (or letters) each has: int64[runs]."""
    if words.weights is None:
        found = runs(words, n, whole=False)
        return found, np.full(len(found.hashes), n, dtype=np.int64)
    weighed = np.concatenate([[0], np.cumsum(words.weights)])
    ends = np.repeat(words.starts[1:], np.diff(words.starts))
    last = np.searchsorted(weighed, weighed[:-1] + n * WORD)
    first = np.flatnonzero(last <= ends)
    lengths = last[first] - first
    starts = np.searchsorted(first, words.starts)
    return Runs(_of_lengths(words, first, lengths, n), starts), lengths


def _of_lengths(
    words: Runs, first: NDArray[np.int64], lengths: NDArray[np.int64], n: int
) -> Hashes:
    """The hashes of runs that begin at ``first`` and have so many words each: those that `runs`
    gives where they are ``n``."""
    found = np.full(len(first), n, dtype=np.uint64)
    for step in range(lengths.max(initial=0)):
        inside = lengths > step
        found[inside] = _grown(found[inside], words.hashes[first[inside] + step], step)
    return found


def _grown(before: Hashes, word: Hashes, step: int) -> Hashes:
    """The hashes of runs that go on with ``word`` after so many steps."""
    return _mix(before ^ word) + np.uint64(step)


def occurrence(runs: Runs) -> NDArray[np.int64]:
    """For each run of each text for which time it is there, from 1 on: int64[runs]."""
    text = np.repeat(np.arange(len(runs)), np.diff(runs.starts))
    # lexsort is stable: among equal runs of a text the first that is written stays first.
    order = np.lexsort((runs.hashes, text))
    hashes, text = runs.hashes[order], text[order]
    place = np.arange(len(order))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (text[1:] != text[:-1])
    time = np.empty(len(order), dtype=np.int64)
    time[order] = place - np.maximum.accumulate(np.where(new, place, 0)) + 1
    return time


def _mix(x: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): one to one, and well spread."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
