"""Misspelt copies of pairs, the outermost of many."""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from filters.curation.embedding import Vectors, bag_of_words, embedded
from filters.filter import Filter
from schemas import Dropped, Pairs, Split, Table, Takes, content_id, empty, named_rows, rows

_FLAT = 1e-9
"""A turn that is no more than rounding."""
_WORD = re.compile(r"[^\W\d_]{2,}")


class ConvexAugmentation(Filter):
    """Adds copies of each pair whose chosen answer is misspelt. Of ``copies``, those are kept that
    are corners of the convex hull of all of them, by the first two principal components of their
    embeddings: what lies between them adds little.

    In a copy, two neighbouring letters of each word of the chosen answer are exchanged with
    probability ``share``; numbers stay. What is not changed at all is no copy. Answers are embedded
    by their words (`filters.curation.embedding.bag_of_words`) or, with ``embedder`` (a folder or
    Hub id), by that model. A copy has no weights of tokens. Draws depend on ``seed`` and the pair's
    id.

    Source: Shen et al. 2023, ConvexDA (arXiv:2309.16155), with the public code's 5 copies and 5 %
    of the words. That code learns the copies alone, and appends one row again and again, so that
    all copies of a pair are its last corner.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"
    adds: ClassVar[bool] = True
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Pairs)]
    copies: int = Field(default=5, ge=1)
    share: float = Field(default=0.05, gt=0, le=1)
    embedder: str | None = None
    seed: int = 0

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = list(named_rows(tables[self.of]))
        all_copies = [self._copies_of(pair) for pair in pairs]
        texts = pl.Series(
            [_chosen_text(copy) for copies in all_copies for copy in copies], dtype=pl.String
        )
        vectors = bag_of_words(texts) if self.embedder is None else embedded(texts, self.embedder)
        kept: list[Mapping[str, Any]] = []
        first = 0
        for pair, copies in zip(pairs, all_copies, strict=True):
            outer = corners(vectors[first : first + len(copies)])
            kept += [pair, *(copies[place] for place in outer)]
            first += len(copies)
        return Split(rows(Pairs, kept), empty(Dropped))

    def _copies_of(self, pair: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The different copies of a pair."""
        copies: dict[str, dict[str, Any]] = {}
        for number in range(self.copies):
            rng = random.Random(f"{self.seed} {pair['pair_id']} {number}")
            copy = {
                **pair,
                "pair_id": content_id("misspelt", pair["pair_id"], str(number)),
                "chosen": misspelt(pair["chosen"], self.share, rng),
                "token_weights": None,
                "shared_prefix": None,
            }
            if (text := _chosen_text(copy)) != _chosen_text(pair):
                copies.setdefault(text, copy)
        return list(copies.values())


def misspelt(
    messages: Sequence[Mapping[str, str]], share: float, rng: random.Random
) -> list[dict[str, str]]:
    """``messages`` with two neighbouring letters exchanged in each word, with probability
    ``share``."""

    def exchanged(match: re.Match[str]) -> str:
        word = match[0]
        if not word.isalpha() or rng.random() >= share:
            return word
        place = rng.randrange(len(word) - 1)
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]

    return [{**each, "content": _WORD.sub(exchanged, each["content"])} for each in messages]


def corners(vectors: Vectors) -> list[int]:
    """The rows that are corners of the convex hull of ``vectors``, Float[rows, dimensions], by
    their first two principal components, in order; of rows on a line the two ends."""
    if not len(vectors):
        return []
    centred: NDArray[np.float64] = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane = [tuple(row) for row in (centred @ axes[:2].T).tolist()]
    # The monotone chain of Andrew 1979: the lower side of the hull, then the upper one.
    order = sorted(range(len(plane)), key=plane.__getitem__)
    return sorted({*_chain(plane, order), *_chain(plane, order[::-1])})


def _chain(plane: Sequence[tuple[float, ...]], order: Sequence[int]) -> list[int]:
    chain: list[int] = []
    for row in order:
        while len(chain) > 1 and _turn(*(plane[one] for one in (*chain[-2:], row))) <= _FLAT:
            chain.pop()
        chain.append(row)
    return chain


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    """Above 0 if a path from a over b to c turns left. With one component all are on a line."""
    if len(a) == 1:
        return 0.0
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _chosen_text(pair: Mapping[str, Any]) -> str:
    return "\n".join(each["content"] for each in pair["chosen"])
