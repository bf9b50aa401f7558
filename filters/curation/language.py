"""Texts in the languages that are wanted."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar

import polars as pl
from pydantic import Field, field_validator, model_validator

from filters.curation.texts import Side, asked, texts, without
from filters.filter import Filter
from schemas import Demonstrations, Pairs, Prompts, Responses, Split, Table, Takes

if TYPE_CHECKING:
    from lingua import ConfidenceValue, LanguageDetector

KNOWN = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "zh")
"""Languages told apart unless a recipe says which: more of them take more memory (about 300 MB for
these) and make a short text less sure."""

_NOT_PROSE = (
    r"(?s)```.*?(?:```|\z)",
    r"`[^`\n]*`",
    r"(?s)\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)",
    r"\$[^$\n]*\$",
    r"\\[A-Za-z]+(?:\{[A-Za-z*]*\})?",
    r"https?://\S+",
    r"\b[A-Za-z\p{Greek}]\b|\b\w*[0-9_]\w*\b",
)
"""Code, formulas, LaTeX's commands, addresses, names of variables and numbers: letters that are no
language."""


class Language(Filter):
    """Drops texts that are not in one of ``languages`` (ISO 639-1 codes, such as ``en``).

    A text is dropped if it is surely in another language: one that is more probable than not, and
    all of ``languages`` together less than 1 - ``minimum``, among the languages told apart: those
    of ``among`` and ``languages``. A text whose language is unsure is kept, as names and numbers
    make many a short one. One in an alphabet of none of these languages is dropped. With
    ``same_as_prompt``, a text is dropped too if it and its prompt are each sure (by ``minimum``) to
    be in a language and the two differ.

    Code, formulas, addresses and numbers are not read. A text with less than ``shortest`` bytes of
    letters left (UTF-8, so that seven Chinese signs weigh as much as 21 Latin letters) is too short
    to tell and kept, so mathematics is never dropped for its letters.

    Of pairs the ``side`` is judged. Each dropped row names the most probable language, how probable
    it is and how probable the wanted ones are (``wanted``; null for want of ``languages``).

    Languages are told by lingua, which unlike fastText's models was made for short texts (single
    words and up) and needs no download; ``low_accuracy`` compares trigrams only, which is as good
    on texts of 120 characters or more and takes less memory.

    Source: https://github.com/pemistahl/lingua-py.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Prompts, Responses, Pairs, Demonstrations)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    languages: tuple[str, ...] = ()
    same_as_prompt: bool = False
    among: tuple[str, ...] = KNOWN
    minimum: float = Field(default=0.9, gt=0, le=1)
    shortest: int = Field(default=20, ge=1)
    low_accuracy: bool = False
    side: Side = "either"

    @field_validator("languages", "among")
    @classmethod
    def _codes(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [code for code in codes if not (len(code) == 2 and code.isascii())]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no ISO 639-1 code: write 'en', 'de', 'zh'")
        return tuple(code.lower() for code in codes)

    @model_validator(mode="after")
    def _wants_something(self) -> "Language":
        if not self.languages and not self.same_as_prompt:
            raise ValueError("Language needs 'languages', 'same_as_prompt' or both")
        if len({*self.among, *self.languages}) < 2:
            raise ValueError("'among' must name another language: one alone cannot be told apart")
        return self

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        found = texts(frame, table, side=self.side)
        found = found.select("row", "side").hstack(self._told(found["text"]))
        other = ~pl.col("language").is_in(self.languages) & (pl.col("confidence") > 0.5)
        sure = (other | pl.col("language").is_null()) & (pl.col("wanted") <= 1 - self.minimum)
        reasons = [pl.when(sure).then(pl.lit("not in the wanted languages"))]
        if self.same_as_prompt:
            asked_in = self._told(self._asked(tables, table))
            prompt = frame.select(
                prompt_language=pl.Series(asked_in["language"]),
                prompt_confidence=pl.Series(asked_in["confidence"]),
            ).with_row_index("row")
            found = found.join(prompt, on="row", how="left", maintain_order="left")
            sure = pl.min_horizontal("confidence", "prompt_confidence") >= self.minimum
            sure &= pl.col("confidence").is_not_null() & pl.col("prompt_confidence").is_not_null()
            reasons.append(
                pl.when(sure & (pl.col("language") != pl.col("prompt_language"))).then(
                    pl.lit("not in the prompt's language")
                )
            )
        return without(frame, table, found.with_columns(reason=pl.coalesce(reasons)))

    def _asked(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> pl.Series:
        """What each row answers."""
        frame = tables[self.of]
        if table is Prompts:
            raise ValueError(
                f"Language of {self.of!r}: prompts answer no prompt, so leave 'same_as_prompt' out"
            )
        before = table.preceding_messages()
        if before is not None:
            return frame.select(asked(before).alias("text")).to_series()
        prompts = tables[self.prompts].select("prompt_id", text=asked(pl.col("messages")))
        joined = frame.select("prompt_id").join(
            prompts, on="prompt_id", how="left", maintain_order="left"
        )
        return joined["text"].fill_null("")

    def _told(self, assistant_message: pl.Series) -> pl.DataFrame:
        """For each text ``language``, its ``confidence`` and that of all ``wanted`` ones; null
        where it is too short to tell."""
        plain = prose(assistant_message)
        letters = plain.str.replace_all(r"\P{L}", "").str.len_bytes()
        long = pl.DataFrame({"text": plain}).with_row_index("row").filter(letters >= self.shortest)
        codes = tuple(sorted({*self.among, *self.languages}))
        detector = _detector(codes, self.low_accuracy)
        told = detector.compute_language_confidence_values_in_parallel(long["text"].to_list())
        best = [values[0] for values in told]
        rows = pl.DataFrame(
            {
                "row": long["row"],
                "language": [value.language.iso_code_639_1.name.lower() for value in best],
                "confidence": [value.value for value in best],
                "wanted": [self._wanted(values) for values in told],
            },
            schema_overrides={
                "language": pl.String,
                "confidence": pl.Float64,
                "wanted": pl.Float64,
            },
        )
        # Where lingua knows no letter of a text (Greek, unless it is among the known), every
        # language has 0: it is in none of the wanted ones, and in which other is not known.
        # lingua adds in no fixed order, so the last bits differ from run to run: rounded.
        rows = rows.with_columns(
            pl.col("confidence", "wanted").round(6),
            language=pl.when(pl.col("confidence") > 0).then("language"),
        )
        every = pl.DataFrame(
            {"row": pl.int_range(len(assistant_message), dtype=pl.UInt32, eager=True)}
        )
        return every.join(rows, on="row", how="left", maintain_order="left").drop("row")

    def _wanted(self, values: Sequence["ConfidenceValue"]) -> float | None:
        if not self.languages:
            return None
        codes = {code.upper() for code in self.languages}
        return sum(v.value for v in values if v.language.iso_code_639_1.name in codes)


def prose(assistant_message: pl.Series) -> pl.Series:
    """Each text without its code, formulas, addresses, numbers and names of variables."""
    plain = pl.col("text")
    for pattern in _NOT_PROSE:
        plain = plain.str.replace_all(pattern, " ")
    return assistant_message.to_frame("text").select(plain).to_series()


@lru_cache(maxsize=4)
def _detector(codes: tuple[str, ...], low_accuracy: bool) -> "LanguageDetector":
    """lingua's detector of ``codes``; its models are read when a text first needs them.

    Raises ValueError for a code that lingua does not know.
    """
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    try:
        known = [IsoCode639_1.from_str(code) for code in codes]
    except ValueError as error:
        raise ValueError(f"lingua knows no such language: {error}") from error
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*known)
    return (builder.with_low_accuracy_mode() if low_accuracy else builder).build()
