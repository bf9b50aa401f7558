"""The data for the page's browser of rows: columns of numbers, and each text once.

Columns of texts hold indices into ``texts``. ``choices`` are the filters by value: they hold an
index into the options for each row. ``numbers`` are the columns to filter by range and to sort by.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

DIGITS = 5
"""Significant digits of numbers. This keeps a page of 50,000 rows small."""


@dataclass(frozen=True)
class Choice:
    """A column with few different values. ``values`` are indices into ``options``, one a row."""

    name: str
    options: Sequence[str]
    values: Sequence[int]


@dataclass
class Browsed:
    """The data for the browser of rows. ``address`` is the recipe and the stage, as in
    ``online_dpo/pairs``.

    ``sides`` has the answers of each row by name, as indices into ``texts``, and ``right`` whether
    each is right. ``scores`` has a number a row by annotator and side. ``labels`` counts the rows
    by the truth of their label or answer. ``answers`` has the ids of the sides that are responses
    or nodes, and ``traces`` what each row comes from, as `assets.report.traces` says.
    """

    kind: str
    ids: list[str]
    address: str = ""
    texts: list[str] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    sides: dict[str, list[int]] = field(default_factory=dict)
    right: dict[str, list[bool | None]] = field(default_factory=dict)
    shared: list[int] | None = None
    steps: dict[str, list[Any]] | None = None
    answers: dict[str, list[str | None]] = field(default_factory=dict)
    traces: list[Sequence[tuple[str, Sequence[str | int]]]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    numbers: dict[str, list[float | None]] = field(default_factory=dict)
    scores: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """All data but the texts, as the page's script reads it."""
        return {
            "kind": self.kind,
            "address": self.address,
            "ids": self.ids,
            "prompts": self.prompts,
            "sides": self.sides,
            "right": self.right,
            "shared": self.shared,
            "steps": self.steps,
            "choices": [vars(choice) for choice in self.choices],
            "numbers": self.numbers,
            "scores": self.scores,
            "traces": self.traces,
            "texts": len(self.texts),
        }


def chosen(name: str, values: pl.Series) -> Choice:
    """A column of few different texts as a choice; null becomes ``unknown``."""
    filled = values.fill_null("unknown")
    options = filled.unique().sort().to_list()
    index = {option: number for number, option in enumerate(options)}
    return Choice(name, options, [index[value] for value in filled])


def rounded(values: pl.Series) -> list[float | None]:
    """``values`` with `DIGITS` significant digits; whole numbers become integers."""
    return [
        None
        if value is None
        else int(value)
        if value == int(value)
        else float(f"%.{DIGITS}g" % value)
        for value in values.cast(pl.Float64)
    ]


def interned(texts: list[str]) -> Callable[[Iterable[str]], list[int]]:
    """A function that adds new texts to ``texts`` and returns the index of each text."""
    index = {text: number for number, text in enumerate(texts)}

    def put(new: Iterable[str]) -> list[int]:
        places = []
        for text in new:
            if text not in index:
                index[text] = len(texts)
                texts.append(text)
            places.append(index[text])
        return places

    return put


def units(text: str) -> int:
    """The length of ``text`` as JavaScript counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
