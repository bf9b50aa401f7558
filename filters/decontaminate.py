"""Prompts that a model will be measured on must not be trained on."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from filters.filter import Filter, refused
from filters.ngrams import TOKENS, WORDS, hashed, runs, tokens
from schemas import Prompts, Split, Table, Takes


class Decontaminate(Filter):
    """Drops the prompts that share ``n`` words in a row with a prompt of an evaluation set.

    ``against`` names stages or sources of evaluation prompts. Words are compared in lower case and
    without punctuation, system messages are not looked at. A text of fewer than ``n`` words shares
    none, so a prompt is dropped too if all of it is all of an evaluation prompt, signs included.
    Each dropped row shows the first words that are shared, with which prompt of which set, and
    what share of its runs of ``n`` words is found there: a low one may be a common phrase.

    Source: Brown et al. 2020, Language Models are Few-Shot Learners (arXiv:2005.14165), appendix C
    (13-grams).
    """

    gives: ClassVar[type[Table] | None] = Prompts
    unit: ClassVar[str] = "prompt_id"

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
        # Where several evaluation prompts hold a text, it is shown with the first set that does,
        # and there with the lowest id.
        evaluations = pl.concat(
            tables[name]
            .sort("prompt_id")
            .select("messages", evaluation=pl.lit(name), evaluation_prompt="prompt_id")
            for name in self.against
        )
        words, held_words = _asked(prompts, WORDS), _asked(evaluations, WORDS)
        whole = _asked(prompts, TOKENS).list.join(" ")
        found = (
            pl.DataFrame({"whole": whole, "words": words})
            .with_row_index("row")
            .join(
                _owners(_asked(evaluations, TOKENS).list.join(" ").rename("whole")),
                on="whole",
                how="left",
                maintain_order="left",
            )
            .join(_shared(words, held_words, self.n), on="row", how="left", maintain_order="left")
        )
        same = pl.col("owner").is_not_null()
        judged = pl.concat(
            [
                prompts.select("prompt_id"),
                found.select(
                    reason=pl.when(same)
                    .then(pl.lit("is an evaluation prompt"))
                    .when(pl.col("run_owner").is_not_null())
                    .then(pl.lit(f"shares {self.n} words in a row with an evaluation prompt")),
                    matched=pl.when(same)
                    .then("whole")
                    .otherwise(pl.col("words").list.slice(pl.col("first"), self.n).list.join(" ")),
                    share=pl.when(same).then(1.0).otherwise("share"),
                    owner=pl.coalesce("owner", "run_owner"),
                ),
            ],
            how="horizontal",
        )
        kept = judged["reason"].is_null()
        contaminated = judged.filter(~kept).with_columns(
            evaluations["evaluation"].gather(judged["owner"].filter(~kept)),
            evaluations["evaluation_prompt"].gather(judged["owner"].filter(~kept)),
        )
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


def _asked(frame: pl.DataFrame, pattern: str) -> pl.Series:
    """The tokens of each prompt, system messages aside."""
    spoken = pl.element().filter(pl.element().struct.field("role") != "system")
    contents = pl.col("messages").list.eval(spoken.struct.field("content")).list.join("\n")
    return tokens(frame.select(contents).to_series(), pattern)


def _owners(whole: pl.Series) -> pl.DataFrame:
    """Each text with the first row that holds it."""
    rows = pl.DataFrame({"whole": whole}).with_row_index("owner")
    return rows.unique("whole", keep="first", maintain_order=True)


def _shared(words: pl.Series, held: pl.Series, n: int) -> pl.DataFrame:
    """For each row of ``words`` that shares a run of ``n`` with a row of ``held``: where its first
    such run begins, which row of ``held`` first has it, and the share of its runs that are held."""
    asked, known = runs(hashed(words), n, whole=False), runs(hashed(held), n, whole=False)
    # np.unique keeps the first place of each hash, so the lowest row.
    index, first = np.unique(known.hashes, return_index=True)
    place = np.searchsorted(index, asked.hashes)
    place[place == len(index)] = 0
    hits = np.flatnonzero(index[place] == asked.hashes) if len(index) else place[:0]
    row = np.searchsorted(asked.starts, hits, side="right") - 1
    owner = np.searchsorted(known.starts, first[place[hits]], side="right") - 1
    return (
        pl.DataFrame(
            {
                "row": row.astype(np.uint32),
                "first": hits - asked.starts[row],
                "run_owner": owner.astype(np.uint32),
                "runs": np.diff(asked.starts)[row],
            }
        )
        .group_by("row", maintain_order=True)
        .agg(pl.col("first", "run_owner").first(), share=pl.len() / pl.col("runs").first())
    )
