"""A right response against the same response with a small error."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused
from filters.pairing import as_pairs, same_text, scored, with_messages
from filters.pairs.edits import changed, common_prefix
from schemas import Pairs, Prompts, Responses, Scores, Split, Table, Takes

TELLTALES = ("mistake", "incorrect", "wrong", "error", "should be", "should have been")


class EditedPairs(Filter):
    """Pairs of an edited response of ``of`` (rejected) and the response of ``originals`` that it
    was made from (chosen), if the edit is small and made a right answer wrong.

    Small: at most the share ``most_changed`` of tokens is changed (`filters.pairs.edits`). Made
    wrong: the score of the original by stage ``originals_by`` is at least ``right``, that of the
    edited response by stage ``by`` is at most ``wrong``; both must be valid. An edit that announces
    its error (it has a word of ``telltales`` that the original does not have) is dropped, because
    the model would learn that word. An original that was cut off is not used (unless
    ``cut: keep``). Each dropped response is dropped under its own id, with the changed share and
    both scores. A prompt without a pair is dropped too. ``shared_prefix`` is the number of common
    characters at the beginning, ``margin`` the difference of the scores.

    Source: Xu et al. 2024, Subtle Errors Matter (RISE, arXiv:2410.06638). The telltale words are
    among those of its public code, which does not check that an edit changed the text or made it
    wrong.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    originals: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    originals_by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    right: float = 1.0
    wrong: float = 0.0
    most_changed: float = Field(default=0.12, ge=0, le=1)
    telltales: tuple[str, ...] = TELLTALES
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        edits = self._read(tables)
        edits = edits.with_columns(
            changed(edits["chosen_text"].fill_null(""), edits["rejected_text"]),
            margin=pl.col("original_score") - pl.col("edited_score"),
        ).with_columns(reason=self._reason())
        bad = edits.filter(pl.col("reason").is_not_null())
        kept = edits.filter(pl.col("reason").is_null())
        pairs = as_pairs(kept).with_columns(
            common_prefix(kept["chosen_text"], kept["rejected_text"])
        )
        numbers = ("changed", "original_score", "edited_score")
        without_pair = bad.select("prompt_id").unique(maintain_order=True)
        without_pair = without_pair.join(pairs, on="prompt_id", how="anti", maintain_order="left")
        return Split(
            pairs,
            pl.concat(
                [
                    refused(
                        bad,
                        "rejected_id",
                        pl.col("reason"),
                        **{name: pl.col(name) for name in numbers},
                    ),
                    refused(without_pair, "prompt_id", "no pair left"),
                ]
            ),
        )

    def _read(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """One row per edited response, in order, with its original and both scores."""
        edited = scored(
            tables[self.of].select("response_id", "prompt_id", *ANSWER, "origin"), tables[self.by]
        )
        originals = scored(
            tables[self.originals].select("response_id", *ANSWER), tables[self.originals_by]
        )
        parents = pl.col("origin").struct.field("parents")
        return (
            edited.select(
                "prompt_id",
                pl.col("response_id").alias("rejected_id"),
                pl.col(ANSWER).name.prefix("rejected_"),
                pl.col("value").alias("edited_score"),
                parents.list.first().alias("chosen_id"),
            )
            .join(
                originals.select(
                    pl.col("response_id").alias("chosen_id"),
                    pl.col(ANSWER).name.prefix("chosen_"),
                    pl.col("value").alias("original_score"),
                ),
                on="chosen_id",
                how="left",
                maintain_order="left",
            )
            .pipe(with_messages, tables[self.prompts])
        )

    def _reason(self) -> pl.Expr:
        """Why a row gives no pair; null if it does."""
        announced = pl.lit(False)
        if self.telltales:
            words = list(self.telltales)
            announced = pl.any_horizontal(
                pl.col("rejected_text").str.to_lowercase().str.contains(word, literal=True)
                & ~pl.col("chosen_text").str.to_lowercase().str.contains(word, literal=True)
                for word in words
            )
        return (
            pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("chosen_text").is_null())
            .then(pl.lit("original not found"))
            .when(pl.col("original_score").is_null())
            .then(pl.lit("original not scored"))
            .when(pl.col("original_score") < self.right)
            .then(pl.lit("original is not right"))
            .when(same_text() | (pl.col("changed") == 0))
            .then(pl.lit("edit changed nothing"))
            .when(pl.col("edited_score").is_null())
            .then(pl.lit("edit not scored"))
            .when(pl.col("edited_score") > self.wrong)
            .then(pl.lit("verdict not flipped"))
            .when(pl.col("changed") > self.most_changed)
            .then(pl.lit("changed too much"))
            .when(announced)
            .then(pl.lit("edit tells of its error"))
            .otherwise(cut_refusal(self.cut, "chosen_"))
        )
