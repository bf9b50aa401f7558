"""Drops responses that refuse to answer."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, field_validator

from filters.curation.refusal_phrases import PREFACE, REFUSALS, answers
from filters.curation.texts import Side, texts, without
from filters.filter import Filter
from schemas import Demonstrations, Pairs, Responses, Split, Table, Takes

READ = 600
"""Characters of a text that are examined: its opening sentences."""


class Refusals(Filter):
    """Drops responses that begin with a refusal ("I'm sorry, but I can't help with that") and give
    no answer.

    ``patterns`` are Rust regular expressions that must match at the *beginning* of the text, after
    white space, emphasis, apologies, thanks and reasons. Case is ignored, and curly apostrophes
    count as straight ones. So a text that quotes a refusal, or a story in which somebody refuses,
    is kept. A refusal followed by an answer ("I'm no doctor and can't give advice, but the usual
    dose is …") is kept too. A refusal that only offers an alternative is dropped. A recipe in
    another language sets its own patterns.

    For pairs, ``side`` names the texts to judge; the default is the chosen one, because a rejected
    refusal teaches to answer. Each dropped row shows the matched words.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""
    one_prompt: ClassVar[bool] = True
    one_row: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses, Pairs, Demonstrations)]
    patterns: tuple[str, ...] = Field(default=REFUSALS, min_length=1)
    side: Side = "chosen"

    @field_validator("patterns")
    @classmethod
    def _readable(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                empty = pl.Series([""]).str.contains(_beginning((pattern,))).item()
            except pl.exceptions.ComputeError as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
            if empty:
                raise ValueError(
                    f"{pattern!r} matches an empty text, so every text would count as a refusal"
                )
        return patterns

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        judged = texts(frame, table, side=self.side)
        openings = (
            judged["text"]
            .str.replace(r"\A[\s*_#]+", "")
            .str.head(READ)
            .str.replace_all("[’ʼ‘`´＇]", "'")
            .str.replace_all(r"[\s&&[^\n]]+", " ")
        )
        words = openings.str.extract(_beginning(self.patterns), 1)
        refuses = [
            word is not None and not answers(word.lower(), text[len(word) :].lower())
            for word, text in zip(words, openings, strict=True)
        ]
        reason = pl.when(pl.Series(refuses, dtype=pl.Boolean)).then(pl.lit("refuses to answer"))
        return without(frame, table, judged.select("row", "side", words=words, reason=reason))


def _beginning(patterns: tuple[str, ...]) -> str:
    any_of = "|".join(f"(?:{pattern})" for pattern in patterns)
    return rf"^(?i:((?:{PREFACE}){{0,3}}(?:{any_of})))"
