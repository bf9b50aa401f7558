"""Selects few rows that differ as much as possible."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from filters.curation.embedding import Vectors, bag_of_words, embedded
from filters.curation.texts import texts, without
from filters.filter import Filter
from filters.pairing import tie_break
from schemas import Demonstrations, Pairs, Prompts, Responses, Split, Table, Takes, id_column


class Diverse(Filter):
    """Keeps ``n`` rows (or the share ``share``, rounded up) that are as different from each other
    as possible.

    The first row is drawn at random (``seed``). Each next row is the one with the smallest
    similarity to the chosen rows, measured by its largest cosine with any of them; ties are broken
    at random. Then the largest distance of any row to its nearest kept row (√(2 - 2·cosine)) is at
    most twice the smallest possible with ``n`` rows.

    Rows are compared by their words (`filters.curation.embedding.bag_of_words`) or, with
    ``embedder`` (a folder or Hub id), by that model's embeddings. Pairs are compared by their
    chosen side. Each dropped row names the most similar kept row. The cost is n passes over all
    vectors.

    Source: Gonzalez 1985, Clustering to minimize the maximum intercluster distance (farthest-first
    traversal, with the factor 2); for data selection Sener and Savarese 2018 (arXiv:1708.00489).
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Prompts, Responses, Pairs, Demonstrations)]
    n: int | None = Field(default=None, ge=1)
    share: float | None = Field(default=None, gt=0, le=1)
    embedder: str | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _one_size(self) -> "Diverse":
        if (self.n is None) == (self.share is None):
            raise ValueError("Diverse needs either 'n' or 'share'")
        return self

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        rows = (
            texts(frame, table, side="chosen")
            .with_columns(frame[id_column(table)].alias("id"))
            .with_columns(tie_break=tie_break("id", self.seed))
            .sort("tie_break")
        )
        contents = rows["text"]
        vectors = (
            bag_of_words(contents) if self.embedder is None else embedded(contents, self.embedder)
        )
        # In floating point 0.3 * 10 is 3.0000000000000004.
        size = self.n or math.ceil((self.share or 1) * len(vectors) - 1e-9)
        chosen, nearest, similarity = farthest_first(vectors, min(size, len(vectors)))
        lost = rows.with_columns(
            most_like=rows["id"].gather(nearest), similarity=pl.Series(similarity)
        ).filter(~pl.int_range(pl.len()).is_in(chosen))
        return without(
            frame,
            table,
            lost.select("row", "most_like", "similarity", reason=pl.lit("like a row that is kept")),
        )


def farthest_first(
    vectors: Vectors, n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Choose ``n`` rows of unit ``vectors``, beginning with row 0. Ties go to the first row.

    Returns:
        The chosen rows in order; for each row the most similar chosen row; and their cosine,
            rounded to 5 decimals because unrounded cosines of equal vectors depend on the
            machine.
    """
    chosen = np.zeros(n, dtype=np.int64)
    nearest = np.zeros(len(vectors), dtype=np.int64)
    similarity = np.full(len(vectors), -np.inf)
    left = np.ones(len(vectors), dtype=np.bool_)
    for step in range(n):
        row = int(np.argmin(np.where(left, similarity, np.inf)))
        chosen[step], left[row] = row, False
        alike = np.round((vectors @ vectors[row]).astype(np.float64), 5)
        closer = alike > similarity
        similarity[closer], nearest[closer] = alike[closer], row
    return chosen, nearest, similarity
