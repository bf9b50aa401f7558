"""How much of a text an edit changed, counted in tokens that no model's tokenizer decides."""

from collections.abc import Sequence

import numpy as np
import polars as pl

TOKEN = r"[^\W\d_]+|\d|[^\w\s]|_"
"""A word, a digit or a sign: ``16`` is two tokens, so that ``16`` to ``15`` is a change of one, as
it is to most models' tokenizers."""


def changed(before: pl.Series, after: pl.Series) -> pl.Series:
    """The share of tokens in which each pair of texts differs: Float64[pairs], in [0, 1].

    The fewest tokens to put in, take out or replace (Levenshtein), over the tokens of the longer
    text. 0 for two texts without tokens. Spaces are no tokens.
    """
    pairs = zip(before.str.extract_all(TOKEN), after.str.extract_all(TOKEN), strict=True)
    return pl.Series("changed", [_share(list(a), list(b)) for a, b in pairs], dtype=pl.Float64)


def common_prefix(before: pl.Series, after: pl.Series) -> pl.Series:
    """How many characters each pair of texts begins with in common: UInt32[pairs]."""
    lengths = [_same(a, b) for a, b in zip(before, after, strict=True)]
    return pl.Series("shared_prefix", lengths, dtype=pl.UInt32)


def distance(before: Sequence[str], after: Sequence[str]) -> int:
    """The fewest tokens to put in, take out or replace to get from one list to the other."""
    # An edit is small: what both begin and end with is most of them, and costs no table.
    start = _same(before, after)
    before, after = before[start:], after[start:]
    end = _same(before[::-1], after[::-1])
    before, after = before[: len(before) - end], after[: len(after) - end]
    if not before or not after:
        return max(len(before), len(after))
    numbers = {token: number for number, token in enumerate({*before, *after})}
    columns = np.array([numbers[token] for token in after])
    places = np.arange(len(after) + 1)
    row = places
    for token in before:
        best = np.minimum(row[1:] + 1, row[:-1] + (columns != numbers[token]))
        # What is put in costs 1 a token along the row: a running minimum of the row less its slope.
        row = np.minimum.accumulate(np.concatenate([[row[0] + 1], best]) - places) + places
    return int(row[-1])


def _share(before: list[str], after: list[str]) -> float:
    longer = max(len(before), len(after))
    return distance(before, after) / longer if longer else 0.0


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """How many elements two sequences begin with in common."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
