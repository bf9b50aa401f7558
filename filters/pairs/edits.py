"""How much of a text an edit changed, in tokens that do not depend on a model's tokenizer."""

from collections.abc import Sequence

import numpy as np
import polars as pl

TOKEN = r"[^\W\d_]+|\d|[^\w\s]|_"
"""A word, a digit or a sign. ``16`` is two tokens, so ``16`` to ``15`` changes one token, as with
most tokenizers of models."""


def changed(before: pl.Series, after: pl.Series) -> pl.Series:
    """The share of changed tokens of each pair of texts: Float64[pairs], in [0, 1].

    It is the smallest number of insertions, deletions and replacements (Levenshtein), divided by
    the tokens of the longer text; 0 for two texts without tokens. Spaces are not tokens.
    """
    pairs = zip(before.str.extract_all(TOKEN), after.str.extract_all(TOKEN), strict=True)
    return pl.Series("changed", [_share(list(a), list(b)) for a, b in pairs], dtype=pl.Float64)


def common_prefix(before: pl.Series, after: pl.Series) -> pl.Series:
    """The number of common characters at the beginning of each pair of texts: UInt32[pairs]."""
    lengths = [_same(a, b) for a, b in zip(before, after, strict=True)]
    return pl.Series("shared_prefix", lengths, dtype=pl.UInt32)


def distance(before: Sequence[str], after: Sequence[str]) -> int:
    """The smallest number of insertions, deletions and replacements between two lists of tokens."""
    # An edit is small: removing the common beginning and end leaves little for the table.
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
        # An insertion costs 1 per place in the row: a running minimum of the row minus its slope.
        row = np.minimum.accumulate(np.concatenate([[row[0] + 1], best]) - places) + places
    return int(row[-1])


def _share(before: list[str], after: list[str]) -> float:
    longer = max(len(before), len(after))
    return distance(before, after) / longer if longer else 0.0


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of common elements at the beginning of two sequences."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
