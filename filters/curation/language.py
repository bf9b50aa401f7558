"""Drops texts in other languages."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar

import polars as pl
from pydantic import Field, field_validator, model_validator

from filters.curation.texts import Side, conversation_text, texts, without
from filters.filter import Filter
from schemas import Demonstrations, Pairs, Prompts, Responses, Split, Table, Takes

if TYPE_CHECKING:
    from lingua import ConfidenceValue, LanguageDetector

DEFAULT_LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "zh")
"""The default candidates. More languages take more memory (about 300 MB for these) and make short
texts less certain."""

_NOT_PROSE = (
    r"(?s)```.*?(?:```|\z)",
    r"`[^`\n]*`",
    r"(?s)\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)",
    r"\$[^$\n]*\$",
    r"\\[A-Za-z]+(?:\{[A-Za-z*]*\})?",
    r"https?://\S+",
    r"\b[A-Za-z\p{Greek}]\b|\b\w*[0-9_]\w*\b",
)
"""Code, formulas, LaTeX commands, addresses, names of variables and numbers: not prose."""


class Language(Filter):
    """Drops texts that are not in one of ``languages`` (ISO 639-1 codes, such as ``en``).

    A text is dropped if another language has a probability above 0.5 and all of ``languages``
    together less than 1 - ``minimum``. The candidates are the languages of ``among`` and
    ``languages``. A text of uncertain language is kept, because names and numbers are common in
    short texts. A text in an alphabet of none of the candidates is dropped. With
    ``same_as_prompt``, a text is also dropped if its language and that of its prompt both have a
    probability of at least ``minimum`` and differ.

    Code, formulas, addresses and numbers are removed first. A text with less than ``shortest``
    bytes of letters left is too short to judge and is kept (in UTF-8 seven Chinese characters count
    as much as 21 Latin letters). So mathematics is never dropped for its letters.

    For pairs, ``side`` names the texts to judge. Each dropped row names the most probable language,
    its probability and that of the wanted languages (``wanted``; null without ``languages``).

    Languages are detected by lingua, which is made for short texts (from single words) and needs no
    download, unlike fastText's models. ``low_accuracy`` compares trigrams only; it is as good on
    texts of 120 characters or more and takes less memory.

    Source: https://github.com/pemistahl/lingua-py.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""
    one_prompt: ClassVar[bool] = True
    one_row: ClassVar[bool] = True

    of: Annotated[str, Takes(Prompts, Responses, Pairs, Demonstrations)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    languages: tuple[str, ...] = ()
    same_as_prompt: bool = False
    among: tuple[str, ...] = DEFAULT_LANGUAGES
    minimum: float = Field(default=0.9, gt=0, le=1)
    shortest: int = Field(default=20, ge=1)
    low_accuracy: bool = False
    side: Side = "either"

    @field_validator("languages", "among")
    @classmethod
    def _codes(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [code for code in codes if not (len(code) == 2 and code.isascii())]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not an ISO 639-1 code: write 'en', 'de', 'zh'")
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
        judged = texts(frame, table, side=self.side)
        judged = judged.select("row", "side").hstack(self._detected(judged["text"]))
        other = ~pl.col("language").is_in(self.languages) & (pl.col("confidence") > 0.5)
        sure = (other | pl.col("language").is_null()) & (pl.col("wanted") <= 1 - self.minimum)
        reasons = [pl.when(sure).then(pl.lit("not in the wanted languages"))]
        if self.same_as_prompt:
            prompt_languages = self._detected(self._prompts(tables, table))
            prompt = frame.select(
                prompt_language=pl.Series(prompt_languages["language"]),
                prompt_confidence=pl.Series(prompt_languages["confidence"]),
            ).with_row_index("row")
            judged = judged.join(prompt, on="row", how="left", maintain_order="left")
            sure = pl.min_horizontal("confidence", "prompt_confidence") >= self.minimum
            sure &= pl.col("confidence").is_not_null() & pl.col("prompt_confidence").is_not_null()
            reasons.append(
                pl.when(sure & (pl.col("language") != pl.col("prompt_language"))).then(
                    pl.lit("not in the prompt's language")
                )
            )
        return without(frame, table, judged.with_columns(reason=pl.coalesce(reasons)))

    def _prompts(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> pl.Series:
        """The prompt of each row."""
        frame = tables[self.of]
        if table is Prompts:
            raise ValueError(
                f"Language of {self.of!r}: prompts have no prompt to compare with: leave "
                "'same_as_prompt' out"
            )
        before = table.preceding_messages()
        if before is not None:
            return frame.select(conversation_text(before).alias("text")).to_series()
        prompts = tables[self.prompts].select(
            "prompt_id", text=conversation_text(pl.col("messages"))
        )
        joined = frame.select("prompt_id").join(
            prompts, on="prompt_id", how="left", maintain_order="left"
        )
        return joined["text"].fill_null("")

    def _detected(self, contents: pl.Series) -> pl.DataFrame:
        """For each text the ``language``, its ``confidence`` and that of all ``wanted`` languages;
        null if the text is too short to judge."""
        plain = prose(contents)
        letters = plain.str.replace_all(r"\P{L}", "").str.len_bytes()
        long = pl.DataFrame({"text": plain}).with_row_index("row").filter(letters >= self.shortest)
        codes = tuple(sorted({*self.among, *self.languages}))
        detector = _detector(codes, self.low_accuracy)
        confidences = detector.compute_language_confidence_values_in_parallel(
            long["text"].to_list()
        )
        best = [values[0] for values in confidences]
        rows = pl.DataFrame(
            {
                "row": long["row"],
                "language": [value.language.iso_code_639_1.name.lower() for value in best],
                "confidence": [value.value for value in best],
                "wanted": [self._confidence(values) for values in confidences],
            },
            schema_overrides={
                "language": pl.String,
                "confidence": pl.Float64,
                "wanted": pl.Float64,
            },
        )
        # If no candidate has the alphabet of a text (such as Greek), every language has 0: the text
        # is in none of the wanted languages, and its language is unknown.
        # lingua adds in no fixed order, so the last bits differ between runs: they are rounded.
        rows = rows.with_columns(
            pl.col("confidence", "wanted").round(6),
            language=pl.when(pl.col("confidence") > 0).then("language"),
        )
        all_rows = pl.DataFrame({"row": pl.int_range(len(contents), dtype=pl.UInt32, eager=True)})
        return all_rows.join(rows, on="row", how="left", maintain_order="left").drop("row")

    def _confidence(self, values: Sequence["ConfidenceValue"]) -> float | None:
        if not self.languages:
            return None
        codes = {code.upper() for code in self.languages}
        return sum(v.value for v in values if v.language.iso_code_639_1.name in codes)


def prose(contents: pl.Series) -> pl.Series:
    """Each text without code, formulas, addresses, numbers and names of variables."""
    plain = pl.col("text")
    for pattern in _NOT_PROSE:
        plain = plain.str.replace_all(pattern, " ")
    return contents.to_frame("text").select(plain).to_series()


@lru_cache(maxsize=4)
def _detector(codes: tuple[str, ...], low_accuracy: bool) -> "LanguageDetector":
    """The lingua detector of ``codes``. Its models are loaded when a text first needs them.

    Raises:
        ValueError: lingua does not know a code.
    """
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    try:
        languages = [IsoCode639_1.from_str(code) for code in codes]
    except ValueError as error:
        raise ValueError(f"lingua knows no such language: {error}") from error
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*languages)
    return (builder.with_low_accuracy_mode() if low_accuracy else builder).build()
