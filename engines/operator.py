"""What generators and annotators share: a coroutine written for one prompt, run over a table."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from engines.protocol import Sampling
from engines.rows import Prompt
from schemas import Operator, canonical


class RowOperator(Operator):
    """An operator that calls models, one row at a time."""

    @property
    def path(self) -> str:
        """The shortest import path that names this operator, as a recipe's ``use:`` would."""
        return _path(type(self))


@lru_cache
def _path(operator: type) -> str:
    name = operator.__qualname__
    parts = operator.__module__.split(".")
    for length in range(1, len(parts)):
        package = ".".join(parts[:length])
        if getattr(sys.modules.get(package), name, None) is operator:
            return f"{package}.{name}"
    return f"{operator.__module__}.{name}"


@lru_cache
def sampling_parameters(sampling: Sampling) -> str:
    """``origin.parameters`` of a text drawn with ``sampling``: a JSON object."""
    return canonical(dataclasses.asdict(sampling))


def sound_text(text: str) -> str:
    """``text``, if every character of it is whole: half of a surrogate pair fits no table.

    Raises `ValueError`.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the text holds half a character ({error.reason})") from None
    return text


def each_prompt(prompts: pl.DataFrame) -> Iterator[Prompt]:
    """The rows of a `schemas.Prompts` frame."""
    fields = prompts.select("prompt_id", "messages", "reference", "source")
    for prompt_id, messages, reference, source in fields.iter_rows():
        yield Prompt(prompt_id, tuple(messages), reference, source)


def unanswered(asked: Sequence[str] | pl.Series, *answered: pl.Series) -> list[Any]:
    """The ids of ``asked`` that are in none of ``answered``, in order."""
    ids = pl.Series("id", asked, dtype=pl.String)
    return ids.filter(~ids.is_in(pl.concat([a.rename("id") for a in answered]).implode())).to_list()
