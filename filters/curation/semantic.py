"""Drops rows with the same meaning as another row, in other words."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from filters.curation.embedding import Vectors, embedded
from filters.curation.formulas import quantities
from filters.curation.texts import texts, without
from filters.filter import Filter
from filters.pairing import tie_break
from schemas import Prompts, Responses, Split, Table, Takes, id_column
from schemas.messages import offered_tools

EXACT = 50_000
"""Up to so many rows all pairs are compared (0.75 s for 8,000 rows of 256 dimensions on one core).
Above, neighbours are searched in a graph (usearch): that missed 1 % of the duplicates of 8,000
rows, and not the same ones in every run."""


class SemanticDuplicates(Filter):
    """Keeps one of rows with similar embeddings, and drops the others.

    Rows are processed in a random order (``seed``). A row is dropped if its cosine with a kept row
    is at least ``threshold``; it names the most similar kept row and the similarity. Copies of a
    text are treated as the first of them. So kept rows are less similar than ``threshold`` to each
    other, every dropped row is near a kept one, and the order of rows does not matter.

    Prompts are compared without their system messages, and only if their system messages, tools
    and references are equal. With ``scope: prompt``, responses are compared only with responses to
    the same prompt. Texts with different numbers or formulas are never compared, because an
    embedder hardly distinguishes them (`filters.curation.formulas.quantities`); the order of these
    may differ.

    ``embedder`` is a folder or Hub id with the embedding model; see `filters.curation.embedding`.
    There is no default, because none is available without a download, and because the right
    ``threshold`` depends on the embedder.

    Source: SemHash (https://github.com/MinishLab/semhash); Abbas et al. 2023, SemDeDup
    (arXiv:2303.09540), which compares within clusters only.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Prompts, Responses)]
    embedder: str = Field(min_length=1)
    threshold: float = Field(default=0.9, gt=0, lt=1)
    scope: Literal["all", "prompt"] = "all"
    seed: int = 0

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        if table is Prompts and self.scope == "prompt":
            raise ValueError(
                f"SemanticDuplicates of {self.of!r}: prompts have no other row of the same prompt, "
                "so 'scope: prompt' has no effect; use 'scope: all'"
            )
        unit = id_column(table)
        rows = (
            texts(frame, table)
            .with_columns(frame[unit].alias("id"), self._group(frame, table))
            .with_columns(tie_break=tie_break("id", self.seed))
            .sort("tie_break")
        )
        vectors = embedded(rows["text"], self.embedder)
        original, similarity = np.arange(len(vectors)), np.ones(len(vectors))
        # 0.2 ms per group in addition to its comparisons; all texts are embedded at once.
        groups = rows.with_row_index("place").group_by("group").agg("place")["place"]
        for group in groups.filter(groups.list.len() > 1):
            places = group.to_numpy()
            group_texts = rows["text"].gather(group).to_list()
            near, alike = near_duplicates(group_texts, vectors[places], self.threshold)
            original[places], similarity[places] = places[near], alike
        lost = rows.with_columns(
            duplicate_of=rows["id"].gather(original), similarity=pl.Series(similarity)
        ).filter(pl.Series(original != np.arange(len(vectors))))
        return without(
            frame,
            table,
            lost.select("row", "duplicate_of", "similarity", reason=pl.lit("means the same")),
        )

    def _group(self, frame: pl.DataFrame, table: type[Table]) -> pl.Series:
        """The group of each row. Rows of different groups are not compared."""
        columns = quantities(texts(frame, table)["text"]).to_frame("quantities")
        if self.scope == "prompt":
            columns = columns.with_columns(frame["prompt_id"])
        if "messages" in frame.columns:
            system = pl.element().filter(pl.element().struct.field("role") == "system")
            system_text = (
                pl.col("messages").list.eval(system.struct.field("content")).list.join("\n")
            )
            prompt_columns = frame.select(
                system_text,
                pl.col("reference").str.strip_chars(),
                tools=offered_tools(pl.col("messages")),
            )
            columns = columns.hstack(prompt_columns)
        return columns.select(group=pl.struct(pl.all())).to_series()


def near_duplicates(
    texts: Sequence[str], vectors: Vectors, threshold: float
) -> tuple[NDArray[np.int64], Vectors]:
    """For each row the kept row of which it is a near duplicate (itself if it is kept), and their
    cosine (1 for itself). Earlier rows are kept first."""
    from semhash import SemHash
    from vicinity import Backend

    # SemHash compares equal texts once: 20,000 copies would otherwise be 400 million neighbours.
    records: list[dict[str, Any]] = [{"text": text, "row": row} for row, text in enumerate(texts)]
    index = SemHash.from_embeddings(
        vectors,
        records,
        model=None,  # type: ignore[arg-type]  # the encoder; the vectors are given
        columns=["text"],
        ann_backend=Backend.BASIC if len(vectors) <= EXACT else Backend.USEARCH,
    )
    original, similarity = np.arange(len(vectors)), np.ones(len(vectors), dtype=np.float32)
    for match in index.self_deduplicate(threshold).filtered:
        row = match.record["row"]
        original[row], similarity[row] = match.duplicate_of["row"], match.score
    return original, similarity
