"""Rows that mean what another row means, in whatever words."""

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

EXACT = 50_000
"""Rows up to which each is compared with each (0.75 s for 8,000 of 256 dimensions on one core).
Beyond, neighbours are looked for in a graph (usearch): that overlooked 1 % of the duplicates of
8,000 rows, not the same ones in every run."""


class SemanticDuplicates(Filter):
    """Keeps one of rows whose embeddings are alike, and drops the others.

    Rows are looked at in the order of their lots (by ``seed``). One whose vector has a cosine of
    ``threshold`` or more with one kept before is dropped; it names the most similar of these and
    their similarity. Copies of a text share the fate of the first. So what is kept are rows less
    alike than ``threshold``, each other row is near to one of them, and the order of rows changes
    nothing.

    Prompts are compared without their system messages, and only those that have the same ones and
    the same reference. With ``scope`` ``prompt``, responses are compared with those to the same
    prompt only. Texts of other numbers or formulas are never compared, since an embedder hardly
    tells them apart (`filters.curation.formulas.quantities`); the order in which they are said may
    differ.

    ``embedder`` is a folder (or a Hub id) with the model that embeds; see
    `filters.curation.embedding`. There is no default, because none can be had without a download,
    and because what counts as alike (so the right ``threshold``) is the embedder's.

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
                f"SemanticDuplicates of {self.of!r}: every prompt is the only one of its prompt, "
                "so 'scope: prompt' compares nothing; use 'scope: all'"
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
        # 0.2 ms a group beside its comparisons; all texts are embedded at once.
        groups = rows.with_row_index("place").group_by("group").agg("place")["place"]
        for group in groups.filter(groups.list.len() > 1):
            places = group.to_numpy()
            assistant_message = rows["text"].gather(group).to_list()
            near, alike = near_duplicates(assistant_message, vectors[places], self.threshold)
            original[places], similarity[places] = places[near], alike
        found = rows.with_columns(
            duplicate_of=rows["id"].gather(original), similarity=pl.Series(similarity)
        ).filter(pl.Series(original != np.arange(len(vectors))))
        return without(
            frame,
            table,
            found.select("row", "duplicate_of", "similarity", reason=pl.lit("means the same")),
        )

    def _group(self, frame: pl.DataFrame, table: type[Table]) -> pl.Series:
        """Rows of different groups are not compared."""
        apart = quantities(texts(frame, table)["text"]).to_frame("quantities")
        if self.scope == "prompt":
            apart = apart.with_columns(frame["prompt_id"])
        if "messages" in frame.columns:
            system = pl.element().filter(pl.element().struct.field("role") == "system")
            assistant_message = (
                pl.col("messages").list.eval(system.struct.field("content")).list.join("\n")
            )
            told = frame.select(assistant_message, pl.col("reference").str.strip_chars())
            apart = apart.hstack(told)
        return apart.select(group=pl.struct(pl.all())).to_series()


def near_duplicates(
    texts: Sequence[str], vectors: Vectors, threshold: float
) -> tuple[NDArray[np.int64], Vectors]:
    """For each row the kept row that it is a near duplicate of (itself, if it is kept), and the
    cosine of the two (1 for itself). Rows come first come, first kept."""
    from semhash import SemHash
    from vicinity import Backend

    # SemHash compares rows of one text once: 20,000 copies would else be 400 million neighbours.
    records: list[dict[str, Any]] = [{"text": text, "row": row} for row, text in enumerate(texts)]
    index = SemHash.from_embeddings(
        vectors,
        records,
        model=None,  # type: ignore[arg-type]  # what encodes; the vectors are there already
        columns=["text"],
        ann_backend=Backend.BASIC if len(vectors) <= EXACT else Backend.USEARCH,
    )
    original, similarity = np.arange(len(vectors)), np.ones(len(vectors), dtype=np.float32)
    for found in index.self_deduplicate(threshold).filtered:
        row = found.record["row"]
        original[row], similarity[row] = found.duplicate_of["row"], found.score
    return original, similarity
