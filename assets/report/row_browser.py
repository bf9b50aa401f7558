"""What the page's browser of rows is given: columns of numbers, and each text once.

A text is an index into ``texts``, and null is null. What there is to choose by is in ``choices``
(an index into the options a row), what there is to bound and sort by in ``numbers``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

DIGITS = 5
"""Significant digits of a number, so that a page of 50,000 rows stays small."""


@dataclass(frozen=True)
class Choice:
    """Something that is one of a few: ``values`` are indices into ``options``, one a row."""

    name: str
    options: Sequence[str]
    values: Sequence[int]


@dataclass
class Browsed:
    """What the browser is given. ``sides`` are the answers of a row by name, indices into
    ``texts``; ``right`` whether each is; ``scores`` (annotator, side) → number a row.
    ``labels`` counts rows by what is true of their label, or of their answer."""

    kind: str
    ids: list[str]
    texts: list[str] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    sides: dict[str, list[int]] = field(default_factory=dict)
    right: dict[str, list[bool | None]] = field(default_factory=dict)
    shared: list[int] | None = None
    steps: dict[str, list[Any]] | None = None
    labels: dict[str, int] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    numbers: dict[str, list[float | None]] = field(default_factory=dict)
    scores: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Everything but the texts, as the page's script reads it."""
        return {
            "kind": self.kind,
            "ids": self.ids,
            "prompts": self.prompts,
            "sides": self.sides,
            "right": self.right,
            "shared": self.shared,
            "steps": self.steps,
            "choices": [vars(choice) for choice in self.choices],
            "numbers": self.numbers,
            "scores": self.scores,
            "texts": len(self.texts),
        }


def chosen(name: str, values: pl.Series) -> Choice:
    """A column of few texts as a choice; null is ``unknown``."""
    told = values.fill_null("unknown")
    options = told.unique().sort().to_list()
    index = {option: number for number, option in enumerate(options)}
    return Choice(name, options, [index[value] for value in told])


def rounded(values: pl.Series) -> list[float | None]:
    """``values`` as numbers of `DIGITS` significant digits, whole ones without a fraction."""
    return [
        None
        if value is None
        else int(value)
        if value == int(value)
        else float(f"%.{DIGITS}g" % value)
        for value in values.cast(pl.Float64)
    ]


def interned(texts: list[str]) -> Callable[[Iterable[str]], list[int]]:
    """Gives a function that puts each new text into ``texts``, and tells where each one is."""
    index = {text: number for number, text in enumerate(texts)}

    def put(said: Iterable[str]) -> list[int]:
        places = []
        for text in said:
            if text not in index:
                index[text] = len(texts)
                texts.append(text)
            places.append(index[text])
        return places

    return put


def units(text: str) -> int:
    """The length of ``text`` as JavaScript counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
