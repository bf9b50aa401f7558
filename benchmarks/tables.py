"""Tables of any size whose rows cost nothing to make: what filters are measured on."""

import numpy as np
import polars as pl

from schemas import Prompts, Responses, Scores, columns
from schemas.tables import Table

PER_PROMPT = 8
VOCABULARY = 20_000


def prompts(count: int) -> pl.DataFrame:
    """``count`` different questions, as `Prompts`."""
    number = pl.int_range(count).cast(pl.String)
    asked = pl.struct(
        role=pl.lit("user"), content=pl.lit("How many apples are in bag ") + number + "?"
    )
    return _as(
        Prompts,
        pl.select(
            prompt_id=_id("p", pl.int_range(count)),
            messages=pl.concat_list(asked),
            reference=pl.lit(None, pl.String),
            source=pl.lit("questions"),
            source_revision=pl.lit("1"),
            licence=pl.lit("CC0-1.0"),
            task=pl.lit(None),
        ),
    )


def responses(texts: pl.Series, *, per_prompt: int = PER_PROMPT) -> pl.DataFrame:
    """A response a text, so many to a prompt of `prompts`."""
    row = pl.int_range(len(texts))
    return _as(
        Responses,
        pl.select(
            response_id=_id("r", row),
            prompt_id=_id("p", row // per_prompt),
            text=pl.lit(texts),
            reasoning=pl.lit(None),
            steps=pl.lit(None),
            turns=pl.lit(None),
            finish=pl.lit("stop"),
            tokens=pl.lit(1),
            origin=_origin(),
        ),
    )


def scores(count: int, annotator: str, *, seed: int, grades: int | None = None) -> pl.DataFrame:
    """A score for each of `responses`: random, one of so many ``grades`` where they are given."""
    rng = np.random.default_rng(seed)
    drawn = rng.random(count) if grades is None else rng.integers(grades, size=count) * 1.0
    return _as(
        Scores,
        pl.select(
            response_id=_id("r", pl.int_range(count)),
            step=pl.lit(None),
            annotator=pl.lit(annotator),
            value=pl.lit(pl.Series(drawn)),
            raw=pl.lit(None),
            error=pl.lit(None),
            mass=pl.lit(None),
            origin=_origin(),
        ),
    )


def texts(count: int, *, words: int, seed: int = 0) -> pl.Series:
    """Texts of so many random words each."""
    drawn = np.random.default_rng(seed).integers(VOCABULARY, size=(count, words))
    return spelled(drawn)


def spelled(words: np.ndarray) -> pl.Series:
    """The numbers of words, Int[texts, words], as texts."""
    known = pl.Series([f"w{number}" for number in range(VOCABULARY)])
    said = known.gather(words.reshape(-1)).reshape(words.shape)
    return said.arr.to_list().list.join(" ")


def _id(kind: str, number: pl.Expr) -> pl.Expr:
    """32 characters, as ids are."""
    return pl.lit(kind) + number.cast(pl.String).str.zfill(31)


def _origin() -> pl.Expr:
    return pl.struct(
        operator=pl.lit("benchmark"),
        model=pl.lit(None),
        parameters=pl.lit("{}"),
        seed=pl.lit(None),
        parents=pl.lit([]),
    )


def _as(table: type[Table], frame: pl.DataFrame) -> pl.DataFrame:
    return frame.cast(columns(table))  # type: ignore[arg-type]  # a schema is a mapping too
