"""The answer to a prompt against the answer to another prompt that is nearly the same."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from filters.curation.embedding import Vectors, bag_of_words, embedded
from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused_by_reason
from filters.pairing import as_pairs, tie_break
from schemas import Pairs, Prompts, Responses, Split, Table, Takes

_BLOCK = 1024
"""Prompts that are compared with all others at a time."""


class ContrastPairs(Filter):
    """Finds twins: two prompts that are alike and have different answers. Each gives a pair in
    which its own answer is chosen and that of its twin is rejected. Whoever ranks both pairs
    rightly reads the prompt, and not only how an answer looks.

    The answer of a prompt is its response in ``of``; of several, one is drawn (``seed``). Two
    prompts are twins if each is the most similar to the other of all prompts whose answers differ
    from its own, and their cosine is at least ``at_least``. Answers differ if their texts do and
    the references of their prompts are not equal. Prompts are compared by their last messages: by
    words (`filters.curation.embedding.bag_of_words`) or, with ``embedder`` (a folder or Hub id), by
    that model's embeddings. The cost grows with the square of the number of prompts.

    ``chosen_id`` of one pair is ``rejected_id`` of the other, so `claims.TwinConsistency` finds
    both. An answer that was cut off is not used (unless ``cut: keep``).

    Source: Shen et al. 2023, The Trickle-down Impact of Reward (In-)consistency on RLHF
    (arXiv:2309.16155): Contrast Instructions, of a cosine of sentence embeddings from 0.75 to 0.9.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    at_least: float = Field(default=0.75, gt=0, le=1)
    embedder: str | None = None
    seed: int = 0
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        order = tables[self.of].select("prompt_id").unique(maintain_order=True)
        prompts = tables[self.prompts].select("prompt_id", "messages", "reference")
        # Sorted, so that which of several equal prompts is a twin depends on ids alone.
        answered = (
            tables[self.of]
            .with_columns(lot=tie_break("response_id", self.seed))
            .sort("prompt_id", "lot")
            .unique("prompt_id", keep="first", maintain_order=True)
            .select("prompt_id", "response_id", *ANSWER)
            .join(prompts, on="prompt_id", how="left", maintain_order="left")
            .with_columns(
                reason=pl.when(pl.col("messages").is_null())
                .then(pl.lit("prompt not found"))
                .otherwise(cut_refusal(self.cut))
            )
        )
        usable = answered.filter(pl.col("reason").is_null())
        questions = usable["messages"].list.last().struct.field("content")
        vectors = (
            bag_of_words(questions) if self.embedder is None else embedded(questions, self.embedder)
        )
        nearest, similarity = most_similar(vectors, usable["text"], usable["reference"])
        mutual = (nearest >= 0) & (nearest[nearest] == np.arange(len(nearest)))
        twins = usable.select(
            "prompt_id",
            similarity=pl.Series(similarity, dtype=pl.Float64).fill_nan(None),
            reason=pl.when(pl.Series(nearest) < 0)
            .then(pl.lit("no prompt has another answer"))
            .when(pl.Series(similarity) < self.at_least)
            .then(pl.lit("no prompt with another answer is similar enough"))
            .when(~pl.Series(mutual))
            .then(pl.lit("the most similar prompt is more similar to another")),
        )
        answers = {"id": "response_id", **{name: name for name in ANSWER}}
        both = usable.select(
            "prompt_id",
            "messages",
            pl.lit(None, pl.Float64).alias("margin"),
            *(pl.col(column).alias(f"chosen_{name}") for name, column in answers.items()),
            *(
                usable[column].gather(np.maximum(nearest, 0)).alias(f"rejected_{name}")
                for name, column in answers.items()
            ),
        ).filter(twins["reason"].is_null())
        judged = pl.concat(
            [twins, answered.filter(pl.col("reason").is_not_null()).select("prompt_id", "reason")],
            how="diagonal",
        )
        return Split(
            as_pairs(order.join(both, on="prompt_id", maintain_order="left_right")),
            refused_by_reason(
                order.join(judged, on="prompt_id", how="left", maintain_order="left"),
                "prompt_id",
                "similarity",
            ),
        )


def most_similar(
    vectors: Vectors, answers: pl.Series, references: pl.Series
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each row the most similar one with another answer, the first of equals.

    Args:
        vectors: unit vectors, float32[rows, dimensions].
        answers: the texts of the answers; surrounding spaces do not count.
        references: the references; a missing one is like no other.

    Returns:
        Int[rows], −1 if no row has another answer; and their cosines, NaN for these, rounded to 5
            decimals because unrounded cosines of equal vectors depend on the machine.
    """
    nearest = np.full(len(vectors), -1, dtype=np.int64)
    similarity = np.full(len(vectors), np.nan)
    text = answers.str.strip_chars().rank("dense").to_numpy()
    right = references.str.strip_chars().rank("dense").cast(pl.Float64).to_numpy()
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        alike = np.round((vectors[block] @ vectors.T).astype(np.float64), 5)
        alike[(text[block, None] == text) | (right[block, None] == right)] = -np.inf
        best = alike.argmax(axis=1)
        has_match = np.isfinite(alike[np.arange(len(best)), best])
        nearest[block] = np.where(has_match, best, -1)
        similarity[block] = np.where(has_match, alike[np.arange(len(best)), best], np.nan)
    return nearest, similarity
