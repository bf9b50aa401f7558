"""Drops training prompts that overlap with evaluation prompts."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from filters.curation.ngrams import TOKENS, WORDS, hashed, phrases, tokens
from filters.curation.texts import conversation_text
from filters.filter import Filter, refused
from schemas import Prompts, Split, Table, Takes

AT_ONCE = 50_000
"""Prompts that are tokenized at the same time."""


class Decontaminate(Filter):
    """Drops the prompts that share ``n`` consecutive words with a prompt of an evaluation set.

    ``against`` names stages or sources of evaluation prompts. Words are compared in lower case and
    without punctuation; system messages are ignored. In scripts without spaces, two ideographs (or
    kana) count as a word, and so do four letters of Thai, Lao, Khmer or Burmese. A text of fewer
    than ``n`` words shares none; it is dropped only if it equals an evaluation prompt, signs
    included. ``x²`` equals ``x2`` here, to be on the safe side. Each dropped row shows the first
    shared words, the evaluation prompt and its set, and the share of its runs of ``n`` words that
    are shared. A low share may be a common phrase.

    Source: Brown et al. 2020, Language Models are Few-Shot Learners (arXiv:2005.14165), appendix C
    (13-grams).
    """

    gives: ClassVar[type[Table] | None] = Prompts
    unit: ClassVar[str] = "prompt_id"
    one_row: ClassVar[bool] = True

    of: Annotated[str, Takes(Prompts)] = "prompts"
    against: Annotated[tuple[str, ...], Takes(Prompts)] = Field(min_length=1)
    n: int = Field(default=13, ge=1)

    @model_validator(mode="after")
    def _of_others(self) -> "Decontaminate":
        if self.of in self.against:
            raise ValueError(f"{self.of!r} cannot be decontaminated against itself")
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        prompts = tables[self.of]
        # If several evaluation prompts have the same text, the first set and in it the lowest id
        # are shown.
        evaluations = pl.concat(
            tables[name]
            .sort("prompt_id")
            .select("messages", evaluation=pl.lit(name), evaluation_prompt="prompt_id")
            for name in self.against
        )
        held_out = HeldOutPrompts(evaluations, self.n)
        overlaps = pl.concat(
            held_out.overlaps(prompts.slice(start, AT_ONCE)).with_columns(pl.col("row") + start)
            for start in range(0, max(1, prompts.height), AT_ONCE)
        )
        contaminated = prompts["prompt_id"].gather(overlaps["row"]).to_frame()
        contaminated = contaminated.with_columns(
            *overlaps["reason", "matched", "share"],
            evaluations["evaluation"].gather(overlaps["owner"]),
            evaluations["evaluation_prompt"].gather(overlaps["owner"]),
        )
        kept = pl.Series(np.ones(prompts.height, dtype=np.bool_)).scatter(overlaps["row"], False)
        numbers = ("evaluation", "evaluation_prompt", "matched", "share")
        return Split(
            prompts.filter(kept),
            refused(
                contaminated,
                "prompt_id",
                pl.col("reason"),
                **{name: pl.col(name) for name in numbers},
            ),
        )


class HeldOutPrompts:
    """An index of evaluation prompts. Prompts are looked up in batches, because their words take
    far more memory than their texts."""

    def __init__(self, evaluations: pl.DataFrame, n: int) -> None:
        self._n = n
        words = prompt_tokens(evaluations, WORDS)
        self._words = words.list.join(" ").unique()
        self._texts = _owners(prompt_tokens(evaluations, TOKENS).list.join(" ").rename("matched"))
        held_out_phrases, _ = phrases(hashed(words), n)
        # np.unique returns the first place of each hash, so the lowest row.
        self._index, first = np.unique(held_out_phrases.hashes, return_index=True)
        self._owner = np.searchsorted(held_out_phrases.starts, first, side="right") - 1

    def overlaps(self, prompts: pl.DataFrame) -> pl.DataFrame:
        """One row for each of ``prompts`` that overlaps: ``row``; ``reason``; the ``matched`` text;
        the ``share`` of its runs that overlap; ``owner``, the number of the evaluation prompt."""
        words = prompt_tokens(prompts, WORDS)
        columns = ("row", "reason", "matched", "share", "owner")
        same = self._same(prompts, words).with_columns(
            reason=pl.lit("is an evaluation prompt"), share=pl.lit(1.0)
        )
        shared = self._shared(words).join(same, on="row", how="anti")
        shared = shared.with_columns(
            words.gather(shared["row"]).alias("words"),
            reason=pl.lit(f"shares {self._n} words in a row with an evaluation prompt"),
        ).with_columns(matched=pl.col("words").list.slice("first", "length").list.join(" "))
        return pl.concat([same.select(columns), shared.select(columns)]).sort("row")

    def _same(self, prompts: pl.DataFrame, words: pl.Series) -> pl.DataFrame:
        """The ``row`` of each prompt that equals an evaluation prompt, its text (``matched``) and
        the ``owner``. Signs are compared only if the words are equal."""
        rows = words.list.join(" ").is_in(self._words.implode()).arg_true()
        texts = prompt_tokens(prompts[rows], TOKENS).list.join(" ").rename("matched")
        return pl.DataFrame([rows.alias("row"), texts]).join(self._texts, on="matched")

    def _shared(self, words: pl.Series) -> pl.DataFrame:
        """For each row that shares a run: ``first``, the word at which its first shared run begins;
        its ``length``; the first ``owner`` of that run; and the ``share`` of its runs that are
        shared."""
        prompt_runs, lengths = phrases(hashed(words), self._n)
        place = np.searchsorted(self._index, prompt_runs.hashes)
        place[place == len(self._index)] = 0
        hits = place[:0]
        if len(self._index):
            hits = np.flatnonzero(self._index[place] == prompt_runs.hashes)
        row = np.searchsorted(prompt_runs.starts, hits, side="right") - 1
        return (
            pl.DataFrame(
                {
                    "row": row.astype(np.uint32),
                    "first": hits - prompt_runs.starts[row],
                    "length": lengths[hits],
                    "owner": self._owner[place[hits]].astype(np.uint32),
                    "runs": np.diff(prompt_runs.starts)[row],
                }
            )
            .group_by("row", maintain_order=True)
            .agg(
                pl.col("first", "length", "owner").first(), share=pl.len() / pl.col("runs").first()
            )
        )


def prompt_tokens(frame: pl.DataFrame, pattern: str) -> pl.Series:
    """The tokens of each prompt, without system messages."""
    return tokens(frame.select(conversation_text(pl.col("messages"))).to_series(), pattern)


def _owners(texts: pl.Series) -> pl.DataFrame:
    """Each text with the first row that has it."""
    rows = pl.DataFrame([texts]).with_row_index("owner")
    return rows.unique("matched", keep="first", maintain_order=True)
